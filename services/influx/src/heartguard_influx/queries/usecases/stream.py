"""Reading many points, page by page."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

from heartguard_influx.fields.domain import Field
from heartguard_influx.queries.domain.query import BUDGET, Budget, ResultRow, require_series
from heartguard_influx.queries.domain.windows import Grid
from heartguard_influx.queries.ports import PointReader
from heartguard_influx.series.domain import Group, Selection


def groups_of(store: PointReader, selection: Selection, group_by: Sequence[str] | None, limit: int) -> Sequence[Group]:
    """The series to read, in groups. Raises TS_006 for more than `limit` series, after reading one more than that."""
    groups = store.groups(selection, group_by, limit + 1)
    require_series(sum(len(group.series) for group in groups), limit)
    return groups


class PointStream:
    """All points of a selection, read page by page: only one page is in memory, and no transaction stays open.

    A point that does not change between the reading of the first page and the last appears exactly once. One that is
    written, changed or removed in between appears as it was when its page was read, or not at all.
    """

    def __init__(
        self,
        store: PointReader,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        *,
        descending: bool = False,
        budget: Budget = BUDGET,
    ) -> None:
        self._store = store
        self._selection = selection
        self._groups = groups
        self._fields = fields
        self._descending = descending
        self._budget = budget

    def count(self) -> int:
        """How many points there are, without reading them; with several fields an upper bound unless it is too much."""
        # This counts a point once for each of its fields; counting points exactly takes much longer.
        most = sum(self._sizes)
        if len(self._fields) < 2 or most <= self._budget.stream:
            return most
        return sum(row.points or 0 for row in self._counts(self._together, self._fields))

    @cached_property
    def _sizes(self) -> Sequence[int]:
        """An upper bound of the points of each group."""
        sizes = [0] * len(self._groups)
        for field in self._fields:
            for row in self._counts(self._groups, [field]):
                sizes[row.group] += row.points or 0
        return sizes

    @property
    def _together(self) -> Sequence[Group]:
        return [Group((), tuple(number for group in self._groups for number in group.series))]

    def _counts(self, groups: Sequence[Group], fields: Sequence[Field]) -> Sequence[ResultRow]:
        grid = Grid([self._selection.start_ns, self._selection.stop_ns], None)
        return self._store.windows(self._selection, groups, fields, "count", grid)

    def __iter__(self) -> Iterator[ResultRow]:
        """The points in order of time, then of series."""
        return chain.from_iterable(self.by_time())

    def by_time(self) -> Iterator[Sequence[ResultRow]]:
        """Pages of points in order of time, then of series."""
        return self._pages(self._groups)

    def by_group(self) -> Iterator[Sequence[ResultRow]]:
        """Pages of points in order of their groups, within each in order of time; a page is of one group.

        Groups are read together as far as their points fit a page.
        """
        begin = 0
        while begin < len(self._groups):
            end, points = begin + 1, self._sizes[begin]
            while end < len(self._groups) and points + self._sizes[end] <= self._limit:
                points += self._sizes[end]
                end += 1
            if end - begin == 1:
                yield from (
                    page for rows in self._pages(self._groups[begin:end]) for page in rows_by_group(rows, begin)
                )
            else:
                # Points written in between can make these more than a page; they are sorted by group all the same.
                yield from rows_by_group([row for rows in self._pages(self._groups[begin:end]) for row in rows], begin)
            begin = end

    @property
    def _limit(self) -> int:
        return self._budget.page_points(None, len(self._fields))

    def _pages(self, groups: Sequence[Group]) -> Iterator[Sequence[ResultRow]]:
        if groups and self._fields:
            yield from self._store.pages(
                self._selection, groups, self._fields, limit=self._limit, descending=self._descending
            )


def rows_by_group(rows: Sequence[ResultRow], begin: int = 0) -> Iterator[Sequence[ResultRow]]:
    """The rows of each group in a list of its own; `begin` is added to their group, which counts from there."""
    groups: dict[int, list[ResultRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for group in sorted(groups):
        yield [row._replace(group=begin + group) for row in groups[group]] if begin else groups[group]
