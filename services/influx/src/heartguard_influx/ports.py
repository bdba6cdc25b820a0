"""What the time-series service needs from outside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from heartguard_influx.domain.bucket import Bucket
from heartguard_influx.domain.point import FieldKey, FieldType, Point, Verdict
from heartguard_influx.domain.query import Aggregate, Field, Group, Row, Selection
from heartguard_influx.domain.windows import Grid


class Buckets(Protocol):
    """Where buckets are kept, with the settings of their organization."""

    def find(self, org_id: int, name: str) -> Bucket | None:
        """The bucket, or None; the organization's own is there while the organization is."""

    def hold(self, bucket: Bucket) -> int | None:
        """The bucket's id, made if it has none; until the transaction ends it can't be deleted. None: it was."""

    def list(self, org_id: int, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets with a name above `after`, by name."""

    def create(self, org_id: int, name: str, retention_days: int | None) -> Bucket | None:
        """A new bucket, or None when there is one of that name."""

    def ids(self, org_id: int) -> Sequence[int]:
        """The buckets that an organization has points in, or could have."""

    def with_retention(self) -> Sequence[Bucket]:
        """Every bucket of every organization that keeps points for a while only."""

    def remove(self, bucket_id: int) -> int:
        """Remove an empty bucket with its field types; returns how many buckets that were."""


class FieldTypes(Protocol):
    """The type of each field of a measurement, the same for everybody who writes."""

    def known(self, bucket_id: int, keys: Sequence[FieldKey]) -> dict[FieldKey, FieldType]:
        """The types of those fields that have one."""

    def register(self, bucket_id: int, types: Mapping[FieldKey, FieldType]) -> None:
        """Give fields a type, unless somebody else did so meanwhile."""

    def measurements(self, bucket_id: int) -> Sequence[str]:
        """The measurements that have fields, by name."""

    def of(self, bucket_id: int, measurement: str) -> Sequence[Field]:
        """The fields of a measurement, by name."""


class TimeSeriesStore(Protocol):
    """Where points are kept."""

    def fault(self, point: Point) -> str | None:
        """Why this store can't keep a point as it is, or None."""

    def write(self, bucket_id: int, points: Sequence[Point]) -> Sequence[Verdict]:
        """Store points without fault whose field types are registered; what became of each, as if sent one by one."""

    def groups(self, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None) -> Sequence[Group]:
        """The series of a selection as they are answered together, by tags; None keeps each by itself.

        Not more than `limit` series are looked at, where one is given.
        """

    def points(
        self,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        *,
        after: Sequence[int] | None,
        limit: int,
        descending: bool,
    ) -> tuple[Sequence[Row], Sequence[int] | None]:
        """Up to `limit` points in order of time, and the position after which the next page begins."""

    def pages(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], *, limit: int, descending: bool
    ) -> Iterator[Sequence[Row]]:
        """All points in order of time, then of series, up to `limit` at once; nothing of the store is held between."""

    def windows(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], aggregate: Aggregate, grid: Grid
    ) -> Sequence[Row]:
        """The windows that hold points, by group and time."""

    def latest(self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field]) -> Sequence[Row]:
        """The last point of each group of one series, by group; groups without a point are left out."""

    def delete(self, selection: Selection, groups: Sequence[Group]) -> int:
        """Remove the points of a selection, whose series the groups are; returns how many values that were."""

    def erase(self, bucket_ids: Sequence[int], person: int | None) -> int:
        """Remove the points of buckets, or one person's there; returns how many values that were."""
