"""Queries, and how much one answer may hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from heartguard_common.core.clock import is_time_zone
from heartguard_common.core.errors import UNPROCESSABLE, ServiceError, Violation
from heartguard_common.messages import QueryRequest
from heartguard_influx.errors import NO_AGGREGATE, OVER_BUDGET
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.queries.domain.windows import Every, Grid, count_windows, grid, smallest_fitting
from heartguard_influx.series.domain import Series

Aggregate = Literal["mean", "min", "max", "sum", "count", "first", "last", "median", "stddev", "p95"]
OF_ANY_TYPE = ("count", "first", "last")
PAGE_POINTS = 10_000
PAGE_VALUES = 100_000
WINDOW_VALUES = 50_000
STREAM_POINTS = 1_000_000
LATEST_SERIES = 10_000
LATEST_MEASUREMENTS = 1_000  # each is one request to an InfluxDB
READ_SERIES = 100_000
NO_ZONE = "is not a name of the IANA time zone database"


@dataclass(frozen=True)
class Budget:
    """The most raw points of a page and of a stream, and the most series of an answer.

    An argument of the use cases, so that a test can make many pages of few points (D154).
    """

    page: int = PAGE_POINTS
    stream: int = STREAM_POINTS
    series: int = READ_SERIES

    def page_points(self, limit: int | None, fields: int) -> int:
        """The points of a page: as many as asked for, if their values fit."""
        return max(1, min(limit or self.page, PAGE_VALUES // max(1, fields)))

    def require_streamable(self, points: int) -> None:
        """Raises TS_006 for more raw points than one stream holds."""
        if points > self.stream:
            text = f"limit {self.stream} points, asked for {points}; ask for a shorter range, or for pages with limit"
            raise ServiceError(OVER_BUDGET, details=(Violation("/range_stop", text),))

    def require_summable(self, points: int) -> None:
        """Raises TS_006 for a day of more points than one stream holds."""
        if points > self.stream:
            text = f"limit {self.stream} points, the day has {points}; ask for windows with aggregate and every"
            raise ServiceError(OVER_BUDGET, details=(Violation("/day", text),))


BUDGET = Budget()


class ResultRow(NamedTuple):
    """A raw point or a window of one group: values by field, and for a window the number of its points."""

    group: int
    time_ns: int
    values: dict[str, Value | None]
    points: int | None = None


@dataclass(frozen=True)
class Shape:
    """The form of an answer: raw points without `aggregate`; one window over the whole range without `every`."""

    aggregate: Aggregate | None
    every: Every | None
    zone: str
    group_by: tuple[str, ...] | None
    filled: bool
    descending: bool
    limit: int | None


def require_within(position: Sequence[int] | None, start_ns: int, stop_ns: int) -> None:
    """Raises GEN_422 for a position outside of the range, which no page of it can have ended at."""
    if position is not None and not start_ns <= position[0] < stop_ns:
        raise ServiceError(UNPROCESSABLE, details=(Violation("/cursor", "is not a cursor of this range"),))


def require_zone(zone: str) -> None:
    """Raises GEN_422 for a name that is no time zone."""
    if not is_time_zone(zone):
        raise ServiceError(UNPROCESSABLE, details=(Violation("/time_zone", NO_ZONE),))


def read_shape(document: QueryRequest, default_zone: str) -> Shape:
    """The shape of a QueryRequest. Raises GEN_422 for members that have no effect together with the others."""
    every, zone = document.get("every"), document.get("time_zone")
    violations = []
    if "aggregate" not in document:
        violations += [Violation(f"/{name}", "needs an aggregate") for name in ("every", "fill") if name in document]
    if zone is not None and every is None:
        violations.append(Violation("/time_zone", "needs windows: every is missing"))
    if zone is not None and not is_time_zone(zone):
        violations.append(Violation("/time_zone", NO_ZONE))
    if "cursor" in document and "aggregate" in document:
        violations.append(Violation("/cursor", "belongs to raw points"))
    if "limit" in document and "aggregate" in document:
        violations.append(Violation("/limit", "belongs to raw points"))
    if violations:
        raise ServiceError(UNPROCESSABLE, details=violations)
    group_by = document.get("group_by")
    return Shape(
        aggregate=document.get("aggregate"),
        every=None if every is None else Every.parse(every),
        zone=zone or default_zone,
        group_by=None if group_by is None else tuple(dict.fromkeys(group_by)),
        filled=document.get("fill") == "null",
        descending=document.get("order") == "desc",
        limit=document.get("limit"),
    )


def require_aggregate(aggregate: Aggregate, fields: Sequence[Field]) -> None:
    """Raises TS_007 with each field whose type does not support the aggregate."""
    if aggregate in OF_ANY_TYPE:
        return
    violations = [
        Violation("/aggregate", f"{aggregate} of {field.name}, which is of type {field.type}")
        for field in fields
        if field.type != "float"
    ]
    if violations:
        raise ServiceError(NO_AGGREGATE, details=violations[:100])


def cut_page(found: Sequence[Series], limit: int) -> tuple[Sequence[Series], int | None]:
    """The series of a page, and the id of its last one if others follow.

    A page has at most `limit` series of at most LATEST_MEASUREMENTS measurements. `found` are ordered by id; one more
    than `limit` is there if others follow.
    """
    names: set[str] = set()
    for place, one in enumerate(found):
        names.add(one.measurement)
        if place == limit or len(names) > LATEST_MEASUREMENTS:
            return found[:place], found[place - 1].id
    return found, None


def require_series(count: int, limit: int) -> None:
    """Raises TS_006 for more than `limit` series."""
    if count > limit:
        text = f"limit {limit} series, asked for more; name a measurement or tags"
        raise ServiceError(OVER_BUDGET, details=(Violation("/measurement", text),))


def windows_of(shape: Shape, start_ns: int, stop_ns: int, columns: int) -> Grid:
    """The windows of a query with `columns` values in each. Raises TS_006 for more values than one answer holds."""
    every, columns = shape.every, max(1, columns)
    if every is None:
        if columns > WINDOW_VALUES:
            text = f"limit {WINDOW_VALUES} values, asked for {columns}; name tags or fields, or group by less"
            raise ServiceError(OVER_BUDGET, details=(Violation("/group_by", text),))
        return Grid([start_ns, stop_ns], None)
    asked = count_windows(every, start_ns, stop_ns) * columns
    if asked <= WINDOW_VALUES:
        return grid(every, shape.zone, start_ns, stop_ns)
    fitting = smallest_fitting(every, start_ns, stop_ns, WINDOW_VALUES // columns) if columns <= WINDOW_VALUES else None
    advice = f"the smallest every that fits is {fitting}" if fitting else "no every fits; ask for a shorter range"
    text = f"limit {WINDOW_VALUES} values, asked for {asked}; {advice}"
    raise ServiceError(OVER_BUDGET, details=(Violation("/every", text),))


def fill(
    rows: Sequence[ResultRow], windows: Grid, groups: int, fields: Sequence[Field], empty: Value | None
) -> list[ResultRow]:
    """The rows, and one with `empty` values for each window of a group without points."""
    there = {(row.group, row.time_ns): row for row in rows}
    nothing = {field.name: empty for field in fields}
    return [
        there.get((group, start)) or ResultRow(group, start, nothing, 0)
        for group in range(groups)
        for start in windows.starts[:-1]
    ]
