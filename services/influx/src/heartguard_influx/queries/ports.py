"""What is needed of the store to read points."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

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
