"""Reading points and windows from PostgreSQL. The statements are made of constants; all values are parameters."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.stores.arrays import numbers
from heartguard_common.stores.database import Result, Statement, prepared, text
from heartguard_influx.fields.domain import Field, FieldType, Value
from heartguard_influx.queries.domain.query import OF_ANY_TYPE, Aggregate, ResultRow
from heartguard_influx.queries.domain.windows import Grid
from heartguard_influx.series.domain import EARLIEST_NS, Group, Selection
from heartguard_influx.store.postgres.day_sums import DAY_NS, SLOT_NS

Execute: TypeAlias = Callable[[Statement, Mapping[str, Any]], Result]
"""Executes a statement: as a transaction by itself, or in that of a connection."""

# One scan of the primary key for each series, of at most a page.
_PAGE = """
SELECT p.series_id, p.time_ns, p.field_id, p.number, p.string
FROM unnest(cast(:series AS bigint[])) AS wanted (series_id)
CROSS JOIN LATERAL (
    SELECT * FROM heartguard_core.points AS one
    WHERE one.series_id = wanted.series_id AND one.time_ns >= :start AND one.time_ns < :stop
        AND one.field_id = ANY (cast(:fields AS integer[])) AND {after}
    ORDER BY one.time_ns {way} LIMIT :rows
) AS p
ORDER BY p.time_ns {way}, p.series_id {way}, p.field_id LIMIT :rows
"""
_ASCENDING = text(_PAGE.format(way="ASC", after="(one.time_ns, one.series_id) > (:after_time, :after_series)"))
_DESCENDING = text(_PAGE.format(way="DESC", after="(one.time_ns, one.series_id) < (:after_time, :after_series)"))

_LATEST = prepared(
    """
    SELECT p.series_id, p.time_ns, p.field_id, p.number, p.string
    FROM unnest(:series) AS wanted (series_id)
    CROSS JOIN LATERAL (
        SELECT one.time_ns FROM heartguard_core.points AS one
        WHERE one.series_id = wanted.series_id
        ORDER BY one.time_ns DESC LIMIT 1
    ) AS last
    JOIN heartguard_core.points AS p ON p.series_id = wanted.series_id AND p.time_ns = last.time_ns
    """,
    series="bigint[]",
)

_AGGREGATES: Mapping[Aggregate, str] = {
    "mean": "avg(p.number)",
    "min": "min(p.number)",
    "max": "max(p.number)",
    "sum": "sum(p.number)",
    "count": "count(*)",
    "first": "(array_agg(p.number ORDER BY p.time_ns, p.series_id))[1]",
    "last": "(array_agg(p.number ORDER BY p.time_ns DESC, p.series_id DESC))[1]",
    "median": "percentile_cont(0.5) WITHIN GROUP (ORDER BY p.number)",
    "stddev": "stddev_samp(p.number)",
    "p95": "percentile_cont(0.95) WITHIN GROUP (ORDER BY p.number)",
}
_STRINGS: Mapping[str, str] = {
    "first": "(array_agg(p.string ORDER BY p.time_ns, p.series_id))[1]",
    "last": "(array_agg(p.string ORDER BY p.time_ns DESC, p.series_id DESC))[1]",
}
_BY_WIDTH = "p.time_ns / :width"
# Division truncates; below zero the floor is one less unless the remainder is 0.
_BY_WIDTH_BEFORE_1970 = "p.time_ns / :width - CASE WHEN p.time_ns % :width < 0 THEN 1 ELSE 0 END"
_BY_STARTS = "width_bucket(p.time_ns, cast(:starts AS bigint[])) - 1"
_FROM_ONE_GROUP = """
FROM heartguard_core.points AS p
WHERE p.series_id = ANY (cast(:series AS bigint[]))
    AND p.time_ns >= :start AND p.time_ns < :stop AND p.field_id = ANY (cast(:fields AS integer[]))
"""
# For a day of points at 1 Hz this takes a tenth less time than comparing with arrays. It is for a statement that is
# planned for its own values: in a prepared one the element would be looked up for each point.
_FROM_ONE_SERIES = """
FROM heartguard_core.points AS p
WHERE p.series_id = (cast(:series AS bigint[]))[1]
    AND p.time_ns >= :start AND p.time_ns < :stop AND p.field_id = (cast(:fields AS integer[]))[1]
"""
_FROM_GROUPS = """
FROM unnest(cast(:series AS bigint[]), cast(:groups AS integer[])) AS wanted (series_id, place)
JOIN heartguard_core.points AS p ON p.series_id = wanted.series_id
WHERE p.time_ns >= :start AND p.time_ns < :stop AND p.field_id = ANY (cast(:fields AS integer[]))
"""
_POINTS_OF_SUMS = "cast(sum(p.number) AS bigint)"
_OF_SUMS: Mapping[Aggregate, str] = {
    "mean": "sum(p.total) / sum(p.number)",
    "min": "min(p.low)",
    "max": "max(p.high)",
    "sum": "sum(p.total)",
    "count": _POINTS_OF_SUMS,
}
# Points are read of the parts of the range that no filled day covers: before, between and after the filled days.
# OFFSET 0 keeps PostgreSQL from joining them with all points at once, instead of looking up those of each part.
_FROM_SUMS = f"""
WITH wanted AS (
    SELECT * FROM unnest(cast(:series AS bigint[]), cast(:groups AS integer[])) AS w (series_id, place)
), filled AS MATERIALIZED (
    SELECT d.* FROM heartguard_core.day_sums AS d
    WHERE d.series_id = ANY (cast(:series AS bigint[])) AND d.day >= :first_day AND d.day < :end_day
        AND d.counts IS NOT NULL
), part AS (
    SELECT w.series_id, g.low_ns, g.high_ns FROM wanted AS w CROSS JOIN LATERAL (
        SELECT lag(e.end_ns, 1, cast(:start AS bigint)) OVER (ORDER BY e.begin_ns) AS low_ns, e.begin_ns AS high_ns
        FROM (
            SELECT f.day * {DAY_NS} AS begin_ns, (f.day + 1) * {DAY_NS} AS end_ns FROM filled AS f
            WHERE f.series_id = w.series_id
            UNION ALL SELECT cast(:stop AS bigint), cast(:stop AS bigint)
        ) AS e
    ) AS g WHERE g.low_ns < g.high_ns
), p AS (
    SELECT f.series_id, f.day * {DAY_NS} + e.slot * {SLOT_NS} AS time_ns, cast(e.number AS bigint) AS number,
        e.total, e.low, e.high
    FROM filled AS f CROSS JOIN LATERAL unnest(f.fields, f.slots, f.counts, f.sums, f.lows, f.highs)
        AS e (field_id, slot, number, total, low, high)
    WHERE e.field_id = :field
    UNION ALL
    SELECT t.series_id, one.time_ns, 1, one.number, one.number, one.number FROM part AS t CROSS JOIN LATERAL (
        SELECT o.time_ns, o.number FROM heartguard_core.points AS o
        WHERE o.series_id = t.series_id AND o.time_ns >= t.low_ns AND o.time_ns < t.high_ns AND o.field_id = :field
        OFFSET 0
    ) AS one
)
SELECT wanted.place, {{window}}, {{aggregate}}, {_POINTS_OF_SUMS}
FROM p JOIN wanted ON wanted.series_id = p.series_id GROUP BY 1, 2
"""  # noqa: S608
SHORTEST_OF_SUMS_NS = 2 * DAY_NS
# Planning the statement takes as long as an hour of points at 1 Hz. A long range is planned for its own numbers.
_PLANNED_ONCE_NS = 6 * 3600 * NANOSECONDS
_WINDOW_TYPES = {
    "series": "bigint[]",
    "groups": "integer[]",
    "fields": "integer[]",
    "start": "bigint",
    "stop": "bigint",
    "width": "bigint",
    "starts": "bigint[]",
}


def read_points(
    execute: Execute,
    selection: Selection,
    groups: Sequence[Group],
    fields: Sequence[Field],
    *,
    after: Sequence[int] | None,
    limit: int,
    descending: bool,
) -> tuple[list[ResultRow], tuple[int, int] | None]:
    """A page of points in order of time, then of series; the position of its last one if there are more."""
    start, stop = selection.start_ns, selection.stop_ns
    beyond = (stop, 0) if descending else (start - 1, 0)
    time_ns, series_id = beyond if after is None else (after[0], after[1])
    values = {
        **_members(groups, fields),
        "start": start if descending else max(start, time_ns),
        "stop": min(stop, time_ns + 1) if descending else stop,
        "after_time": time_ns,
        "after_series": series_id,
        # One point more than the page tells whether there is another page; a point has at most a row for each field.
        "rows": (limit + 1) * len(fields),
    }
    place = {number: index for index, group in enumerate(groups) for number in group.series}
    by_id = {field.id: field for field in fields}
    statement = _DESCENDING if descending else _ASCENDING
    read = execute(statement, values).tuples()
    if len(fields) == 1:
        field = fields[0]
        rows = [ResultRow(place[it[0]], it[1], {field.name: value_of(field.type, it[3], it[4])}) for it in read]
        return rows[:limit], (read[limit - 1][1], read[limit - 1][0]) if len(rows) > limit else None
    found: dict[tuple[int, int], dict[str, Value | None]] = {}
    for number, at_ns, field_id, amount, string in read:
        field = by_id[field_id]
        found.setdefault((at_ns, number), {})[field.name] = value_of(field.type, amount, string)
    found = {key: dict(sorted(point.items())) for key, point in found.items()}
    rows = [ResultRow(place[number], at_ns, point) for (at_ns, number), point in found.items()]
    return rows[:limit], list(found)[limit - 1] if len(rows) > limit else None


def read_latest(execute: Execute, series: Sequence[int], fields: Sequence[Field]) -> list[ResultRow]:
    """The last point of each series, whose place is the row's group."""
    place = {number: index for index, number in enumerate(series)}
    by_id = {field.id: field for field in fields}
    found: dict[tuple[int, int], dict[str, Value | None]] = {}
    for row in execute(_LATEST, {"series": numbers(series)}):
        field = by_id[row.field_id]
        found.setdefault((place[row.series_id], row.time_ns), {})[field.name] = value_of(
            field.type, row.number, row.string
        )
    return [ResultRow(group, time_ns, dict(sorted(found[group, time_ns].items()))) for group, time_ns in sorted(found)]


def windows_of_sums(selection: Selection, fields: Sequence[Field], aggregate: Aggregate, grid: Grid) -> bool:
    """Whether the windows can be read from sums of days, and the range is so long that this is faster."""
    if len(fields) != 1 or aggregate not in _OF_SUMS or selection.start_ns < 0:
        return False
    if selection.stop_ns - selection.start_ns < SHORTEST_OF_SUMS_NS:
        return False
    if grid.width_ns is not None:
        return grid.width_ns % SLOT_NS == 0
    return all(start % SLOT_NS == 0 for start in grid.starts)


def read_windows_of_sums(
    execute: Execute,
    selection: Selection,
    groups: Sequence[Group],
    fields: Sequence[Field],
    aggregate: Aggregate,
    grid: Grid,
) -> list[ResultRow]:
    """As `read_windows`, for what `windows_of_sums` permits: from sums of days, and from points where there are none.

    One statement reads both, so that its result is of one moment.
    """
    (field,) = fields
    values = {
        **_members(groups, fields),
        "field": field.id,
        "start": selection.start_ns,
        "stop": selection.stop_ns,
        "first_day": -(-selection.start_ns // DAY_NS),
        "end_day": selection.stop_ns // DAY_NS,
        "width": grid.width_ns,
        "starts": numbers(max(start, EARLIEST_NS) for start in grid.starts[:-1]) if grid.width_ns is None else None,
    }
    statement = _FROM_SUMS.format(window=_window(grid, selection.start_ns), aggregate=_OF_SUMS[aggregate])
    found = {
        (group, number): ({field.name: _aggregated(aggregate, field, amount, None)}, points)
        for group, number, amount, points in execute(text(statement), values).tuples()
    }
    return [ResultRow(key[0], _start(grid, key[1]), *found[key]) for key in sorted(found)]


def read_windows(
    execute: Execute,
    selection: Selection,
    groups: Sequence[Group],
    fields: Sequence[Field],
    aggregate: Aggregate,
    grid: Grid,
) -> list[ResultRow]:
    """The windows that hold points, by group and time."""
    values = {
        **_members(groups, fields),
        "start": selection.start_ns,
        "stop": selection.stop_ns,
        "width": grid.width_ns,
        "starts": numbers(max(start, EARLIEST_NS) for start in grid.starts[:-1]) if grid.width_ns is None else None,
    }
    planned = selection.stop_ns - selection.start_ns <= _PLANNED_ONCE_NS
    alone = not planned and len(fields) == 1 and sum(len(group.series) for group in groups) == 1
    form = _Form(len(groups) > 1, len(fields) > 1, alone, _window(grid, selection.start_ns))
    statement = _windows(form, aggregate) if planned else text(form.windows(aggregate))
    # Sorted in Python: with ORDER BY, PostgreSQL sorts the points on disk instead of hashing them by window.
    read = execute(statement, values).tuples()
    if len(fields) == 1:
        (only,) = fields
        read.sort(key=itemgetter(0, 1))
        return [
            ResultRow(it[0], _start(grid, it[1]), {only.name: _aggregated(aggregate, only, it[3], it[4])}, it[5])
            for it in read
        ]
    by_id = {field.id: field for field in fields}
    absent = {field.name: _nothing(aggregate) for field in fields}
    found: dict[tuple[int, int], dict[str, Value | None]] = {}
    for group, number, field_id, amount, string, _ in read:
        field = by_id[field_id]
        found.setdefault((group, number), dict(absent))[field.name] = _aggregated(aggregate, field, amount, string)
    counts = _count_points(execute, f"SELECT {form.place}, {form.window}", form.source, values)
    return [ResultRow(key[0], _start(grid, key[1]), found[key], counts[key]) for key in sorted(found)]


class _Form(NamedTuple):
    """What the statement of windows depends on besides the aggregate.

    `alone`: it reads one field of one series. `window` is the SQL of a window's number.
    """

    grouped: bool
    many_fields: bool
    alone: bool
    window: str

    @property
    def place(self) -> str:
        """The SQL of the group of a point."""
        return "wanted.place" if self.grouped else "0"

    @property
    def source(self) -> str:
        """The points, from FROM on."""
        if self.alone:
            return _FROM_ONE_SERIES
        return _FROM_GROUPS if self.grouped else _FROM_ONE_GROUP

    def windows(self, aggregate: Aggregate) -> str:
        """The statement; it gives 0 for the only field."""
        # A key with a single value is left out of GROUP BY: PostgreSQL would hash it for every point.
        keys = ["2", *(["1"] if self.grouped else []), *(["3"] if self.many_fields else [])]
        return f"""
        SELECT {self.place}, {self.window}, {"p.field_id" if self.many_fields else "0"}, {_AGGREGATES[aggregate]},
            {_STRINGS.get(aggregate, "NULL")}, count(*)
        {self.source} GROUP BY {", ".join(keys)}
        """


@cache
def _windows(form: _Form, aggregate: Aggregate) -> Statement:
    return prepared(form.windows(aggregate), **_WINDOW_TYPES)


def _window(grid: Grid, start_ns: int) -> str:
    """The SQL of the number of a point's window."""
    if grid.width_ns is None:
        return _BY_STARTS
    return _BY_WIDTH if start_ns >= 0 else _BY_WIDTH_BEFORE_1970


def _count_points(
    execute: Execute, select: str, source: str, values: Mapping[str, object]
) -> dict[tuple[int, int], int]:
    """How many points each window holds, with any of the fields."""
    statement = f"{select}, count(DISTINCT (p.series_id, p.time_ns)) {source} GROUP BY 1, 2"
    return {(group, number): points for group, number, points in execute(text(statement), values).tuples()}


def _members(groups: Sequence[Group], fields: Sequence[Field]) -> dict[str, object]:
    return {
        "series": numbers(number for group in groups for number in group.series),
        "groups": numbers(index for index, group in enumerate(groups) for _ in group.series),
        "fields": numbers(field.id for field in fields),
    }


def _start(grid: Grid, number: int) -> int:
    return grid.starts[number] if grid.width_ns is None else number * grid.width_ns


def _nothing(aggregate: Aggregate) -> Value | None:
    return 0 if aggregate == "count" else None


def _aggregated(aggregate: Aggregate, field: Field, number: Any, string: str | None) -> Value | None:
    if aggregate == "count":
        return int(number)
    if aggregate in OF_ANY_TYPE:
        return value_of(field.type, number, string)
    return None if number is None else float(number)


def value_of(its_type: FieldType, number: float | None, string: str | None) -> Value | None:
    """The value of a field of that type, from the two columns of which one has it."""
    if its_type == "string":
        return string
    return number != 0 if its_type == "boolean" else number
