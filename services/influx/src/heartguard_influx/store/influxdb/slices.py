"""Dividing a long range into slices with no more values than one answer should have."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

_SECOND_NS = 1_000_000_000
_WIDEST_NS = 100 * 86_400 * _SECOND_NS
WINDOWS = 1000

Count = Callable[[int, int, int], Mapping[int, int]]
"""Counts the values of `[start_ns, stop_ns)` by windows of a width: those of each window with values, by its start."""


class Slice(NamedTuple):
    """A range `[start_ns, stop_ns)` and how many values it had when they were counted."""

    start_ns: int
    stop_ns: int
    values: int


def slices(start_ns: int, stop_ns: int, limit: int, count: Count, windows: int = WINDOWS) -> Iterator[Slice]:
    """Ascending slices of at most `limit` values that cover a range; a slice of one second may have more.

    Values are counted in about `windows` windows of the range, and again inside a window that has too many.
    """
    width = -(-(stop_ns - start_ns) // (windows * _SECOND_NS)) * _SECOND_NS
    width = min(max(width, _SECOND_NS), _WIDEST_NS)
    begin, gathered = start_ns, 0
    for window, values in sorted(count(start_ns, stop_ns, width).items()):
        low, high = max(window, start_ns), min(window + width, stop_ns)
        if gathered and gathered + values > limit:
            yield Slice(begin, low, gathered)
            begin, gathered = low, 0
        if values > limit and width > _SECOND_NS:
            yield from slices(low, high, limit, count, windows)
            begin = high
        else:
            gathered += values
    if gathered:
        yield Slice(begin, stop_ns, gathered)
