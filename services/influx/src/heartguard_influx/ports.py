"""What the time-series service needs from outside."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from heartguard_influx.domain.bucket import Bucket
from heartguard_influx.domain.point import FieldKey, FieldType, Point, Sender, Tags, Verdict
from heartguard_influx.domain.query import Aggregate, Field, Group, ResultRow, Selection, Series, TypedField
from heartguard_influx.domain.windows import Grid


class Buckets(Protocol):
    """Where buckets are kept, with the settings of their organization."""

    def find(self, org_id: int, name: str) -> Bucket | None:
        """The bucket, or None; the organization's own is there while the organization is."""

    def ensure_and_lock(self, bucket: Bucket) -> int | None:
        """The bucket's id, made if it has none; until the transaction ends it can't be deleted. None: it was."""

    def list(self, org_id: int, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets with a name above `after`, by name."""

    def create(self, org_id: int, name: str, retention_days: int | None) -> Bucket | None:
        """A new bucket, or None when there is one of that name. Raises `LimitError` for too many."""

    def ids(self, org_id: int) -> Sequence[int]:
        """The buckets that an organization has points in, or could have."""

    def with_retention(self) -> Sequence[Bucket]:
        """Every bucket of every organization that keeps points for a while only."""

    def lock(self, bucket_id: int) -> None:
        """Keep everybody from writing into the bucket until the transaction ends."""

    def remove(self, bucket_id: int) -> int:
        """Remove an empty bucket with its field types; returns how many buckets that were."""


class FieldTypes(Protocol):
    """The type of each field of a measurement, the same for everybody who writes."""

    def known(self, bucket_id: int, keys: Sequence[FieldKey]) -> dict[FieldKey, FieldType]:
        """The types of those fields that have one."""

    def register(self, bucket_id: int, types: Mapping[FieldKey, FieldType]) -> None:
        """Give fields a type, unless another request did so meanwhile. Raises `LimitError` for too many."""

    def measurements(self, bucket_id: int) -> Sequence[str]:
        """The measurements that have fields, by name."""

    def of(self, bucket_id: int, measurement: str) -> Sequence[Field]:
        """The fields of a measurement, by name."""

    def of_each(self, bucket_id: int, measurements: Collection[str]) -> Mapping[str, Sequence[Field]]:
        """The fields of those measurements that have some."""

    def page(self, bucket_id: int, measurement: str | None, *, after: int, limit: int) -> Sequence[TypedField]:
        """Up to `limit` fields of a bucket, or of one measurement, with a number above `after`, by number."""

    def forget(self, field_id: int) -> None:
        """Let the next point that is stored decide the type of a field."""


class TooManySeries(Exception):  # noqa: N818  it is what they are
    """New series that have no room, each with the reason that names its limit."""

    def __init__(self, refused: Mapping[tuple[str, Tags], str]) -> None:
        super().__init__("no room for new series")
        self.refused = refused


class TimeSeriesStore(Protocol):
    """Where points are kept.

    `settled_seconds`: so long after the mark of a deletion a write may still arrive that was permitted before it.
    """

    @property
    def settled_seconds(self) -> float:
        """0 where points are stored in the transaction that has asked for the permission."""

    def rejection(self, point: Point) -> str | None:
        """Why this store can't keep a point as it is, or None."""

    def write(
        self,
        bucket_id: int,
        points: Sequence[Point],
        sender: Sender | None = None,
        require: Callable[[], None] = lambda: None,
    ) -> Sequence[Verdict]:
        """Store valid points whose field types are registered; the status of each, as if sent one by one.

        They are counted as the sender's. Where that is no part of the surrounding transaction, `require` is called
        before anything is sent, and whatever it raises is raised. Raises `LimitError` when there is no room for all of
        them, `TooManySeries` for new series without room; nothing is stored then.
        """

    def groups(self, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None) -> Sequence[Group]:
        """The series of a selection as they are answered together, by tags; None keeps each by itself.

        Not more than `limit` series are looked at, where one is given.
        """

    def series(
        self,
        bucket_id: int,
        measurement: str | None,
        tags: Mapping[str, str],
        person: int | None,
        *,
        after: int,
        limit: int,
    ) -> Sequence[Series]:
        """Up to `limit` series of a bucket with a number above `after`, by number.

        Of one measurement, with these tags, of one person, where they are given.
        """

    def holds(self, bucket_id: int, measurement: str, field: Field) -> bool:
        """Whether a point with this field is stored."""

    def points(
        self,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        *,
        after: Sequence[int] | None,
        limit: int,
        descending: bool,
    ) -> tuple[Sequence[ResultRow], Sequence[int] | None]:
        """Up to `limit` points in order of time, and the position after which the next page begins."""

    def pages(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], *, limit: int, descending: bool
    ) -> Iterator[Sequence[ResultRow]]:
        """All points in order of time, then of series, up to `limit` at once; nothing of the store is held between."""

    def windows(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], aggregate: Aggregate, grid: Grid
    ) -> Sequence[ResultRow]:
        """The windows that hold points, by group and time."""

    def latest(
        self,
        bucket_id: int,
        series: Sequence[Series],
        fields: Mapping[str, Sequence[Field]],
        *,
        tags: Mapping[str, str],
        person: int | None,
    ) -> Sequence[ResultRow]:
        """The last point of each series, its place as the group; series without a point are left out.

        `fields` are those of each measurement; all the series have the `tags`, and are of the `person` if one is given.
        """

    def delete(self, selection: Selection, groups: Sequence[Group], require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of a selection, whose series the groups are; returns how many values that were.

        `require` is called at the last moment at which all of them can stay: after the removal where that is part of
        the surrounding transaction, otherwise before it. Whatever it raises is raised.
        """

    def tidy(self, bucket_id: int, groups: Sequence[Group]) -> None:
        """Forget those of some series that have no points any more, where the store knows that; its own transaction."""

    def settle(self) -> None:
        """Bring the counts of stored values in order; repeatable."""

    def erase(self, bucket_ids: Sequence[int], person: int | None, require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of buckets, or one person's there; returns how many values that were.

        They go in parts; `require` is called for each as `delete` calls it, and what it raises ends the removal.
        """
