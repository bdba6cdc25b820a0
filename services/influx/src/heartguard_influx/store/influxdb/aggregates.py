"""Windows of an answer: InfluxDB's partial results combined, or computed from points.

The numbers are PostgresStore's: quantiles interpolate linearly (Hyndman and Fan's type 7), the standard deviation is
the sample's, first and last follow time and then the number of the series.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.queries.domain.query import Aggregate, ResultRow
from heartguard_influx.queries.domain.windows import Grid

_MINUTE_NS = 60_000_000_000
_WIDEST_NS = 100 * 86_400_000_000_000
Key = tuple[int, int]
"""A group and the start of a window."""
Part = tuple[Key, Value | None, int]
"""A partial result of the server: its group and window, its value, and the number of its points."""
Sample = tuple[int, int, Value]
"""Time, series and value of a point's field."""


def label(grid: Grid, time_ns: int) -> int:
    """The start of the window that holds an instant of the grid."""
    if grid.width_ns is not None:
        return time_ns // grid.width_ns * grid.width_ns
    return grid.starts[bisect_right(grid.starts, time_ns) - 1]


def partial_width(grid: Grid) -> int | None:
    """A width of windows counted from 1970 whose edges include all edges of the grid; None below a minute.

    At most 100 days: a wider window could reach beyond the times that the server can represent, and its answer would
    never end.
    """
    width = grid.width_ns or math.gcd(*grid.starts)
    if width < _MINUTE_NS and width != grid.width_ns:
        return None
    parts = max(1, -(-width // _WIDEST_NS))
    while width % parts:
        parts += 1
    return width // parts


def join(field: Field, aggregate: Aggregate, parts: Iterable[Part]) -> list[ResultRow]:
    """Combine partial results of several series and times into one row for each group and window."""
    gathered: dict[Key, list[tuple[Value | None, int]]] = {}
    for key, value, count in parts:
        gathered.setdefault(key, []).append((value, count))
    rows = []
    for (group, start), found in sorted(gathered.items()):
        count = sum(weight for _, weight in found)
        rows.append(ResultRow(group, start, {field.name: _joined(aggregate, found, count)}, count))
    return rows


def _joined(aggregate: Aggregate, found: Sequence[tuple[Value | None, int]], count: int) -> Value | None:
    if aggregate == "count":
        return count
    if len(found) == 1:
        return found[0][0]
    numbers = [(float(cast(float, value)), weight) for value, weight in found]
    if aggregate == "mean":
        return math.fsum(value * weight for value, weight in numbers) / count
    return _NUMBERS[aggregate]([value for value, _ in numbers])


def compute(
    aggregate: Aggregate, fields: Sequence[Field], samples: Mapping[Key, Mapping[str, list[Sample]]]
) -> list[ResultRow]:
    """Compute one row for each group and window from its points."""
    rows = []
    for (group, start), found in sorted(samples.items()):
        points = {(time_ns, series) for of_field in found.values() for time_ns, series, _ in of_field}
        values = {field.name: _computed(aggregate, found.get(field.name, [])) for field in fields}
        rows.append(ResultRow(group, start, values, len(points)))
    return rows


def _computed(aggregate: Aggregate, samples: list[Sample]) -> Value | None:
    if aggregate == "count":
        return len(samples)
    if not samples:
        return None
    if aggregate == "first":
        return min(samples)[2]
    if aggregate == "last":
        return max(samples)[2]
    return _NUMBERS[aggregate]([float(value) for _, _, value in samples])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _stddev(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _quantile(share: float) -> Callable[[Sequence[float]], float]:
    def quantile(values: Sequence[float]) -> float:
        ordered = sorted(values)
        place, rest = divmod((len(ordered) - 1) * share, 1)
        low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
        return low + rest * (high - low)

    return quantile


_NUMBERS: Mapping[str, Callable[[Sequence[float]], float | None]] = {
    "mean": _mean,
    "min": min,
    "max": max,
    "sum": math.fsum,
    "median": _quantile(0.5),
    "p95": _quantile(0.95),
    "stddev": _stddev,
}
