"""What is needed of the store to read points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from heartguard_influx.buckets.domain import Bucket
from heartguard_influx.fields.domain import Field
from heartguard_influx.queries.domain.query import Aggregate, ResultRow
from heartguard_influx.queries.domain.windows import Grid
from heartguard_influx.series.domain import Group, Selection, Series
from heartguard_influx.series.ports import SeriesIndex


class PointReader(SeriesIndex, Protocol):
    """Reads points, and finds the series that they belong to."""

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
        """Up to `limit` points in order of time, then of series, and the position after which the next page begins."""

    def pages(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], *, limit: int, descending: bool
    ) -> Iterator[Sequence[ResultRow]]:
        """All points in order of time, then of series, up to `limit` at once; no transaction stays open in between."""

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
        """The last point of each series, whose place is the row's group; series without a point are left out.

        `fields` are those of each measurement; all the series have the `tags`, and are of the `person` if one is given.
        """


@dataclass(frozen=True)
class Asked:
    """What is asked of a bucket: the series of a measurement, or of all, that have the tags and are the person's."""

    org_id: int
    bucket: str
    measurement: str | None
    tags: Mapping[str, str]
    person: int | None


class Located(NamedTuple):
    """A bucket, the fields of the measurement by name, and its series in groups."""

    bucket: Bucket
    fields: Sequence[Field]
    groups: Sequence[Group]


class LastPoints(NamedTuple):
    """Series by id, and the last point of each that has one; the row's group is the place of the series."""

    series: Sequence[Series]
    rows: Sequence[ResultRow]


class QuickReader(Protocol):
    """Answers several questions about a bucket at once. A bucket that has no row yet is not found."""

    def located(self, asked: Asked, group_by: Sequence[str] | None, limit: int) -> Located | None:
        """A bucket, the fields of the measurement and at most `limit` series, in groups that share tags.

        None without such a bucket.
        """

    def last_points(self, asked: Asked, *, after: int, limit: int) -> LastPoints | None:
        """At most `limit` series with an id above `after`, and the last point of each; None without such a bucket."""
