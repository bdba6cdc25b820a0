"""Windows of time: durations counted from 1970-01-01T00:00:00Z, calendar units in a time zone.

Weeks begin on Monday (ISO 8601). Windows don't depend on where a range begins: a range that begins inside a window
has the points of that window from the range's start on, labelled with the start of the window.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from heartguard_common.core.clock import NANOSECONDS

_MOST = 99_999  # the pattern of `every` has 5 digits
_DURATIONS = {"s": 1, "m": 60, "h": 3600}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1)
_FIRST_MONDAY = date(1970, 1, 5)


@dataclass(frozen=True)
class Every:
    """A width: `count` units of s, m, h (durations), d, w or mo (calendar)."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Every":
        """The width that a text such as `5m` names. Raises ValueError for any other text."""
        match = re.fullmatch(r"([1-9][0-9]{0,4})(s|m|h|d|w|mo)", text, re.ASCII)
        if match is None:
            raise ValueError("not a width of windows")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def width_ns(self) -> int | None:
        """The width of a duration in nanoseconds; None for calendar units, because a day has 23 to 25 hours."""
        return None if self.unit not in _DURATIONS else self.count * _DURATIONS[self.unit] * NANOSECONDS


@dataclass(frozen=True)
class Grid:
    """The windows that overlap a range: their ascending starts, and the end of the last one.

    `width_ns` is None where the widths differ.
    """

    starts: Sequence[int]
    width_ns: int | None

    def __len__(self) -> int:
        return len(self.starts) - 1


def grid(every: Every, zone: str, start_ns: int, stop_ns: int) -> Grid:
    """The windows of a width that overlap `[start_ns, stop_ns)`, which must not be empty."""
    width = every.width_ns
    if width is not None:
        first = start_ns // width * width
        return Grid(range(first, -(-stop_ns // width) * width + 1, width), width)
    return Grid(_calendar(every, ZoneInfo(zone), start_ns, stop_ns), None)


def date_of(time_ns: int, zone: str) -> date:
    """The calendar day of an instant, in nanoseconds since 1970, in a time zone."""
    return datetime.fromtimestamp(time_ns // NANOSECONDS, ZoneInfo(zone)).date()


def day_of(day: date, zone: str) -> tuple[int, int]:
    """The first instant of a day in a time zone, and the first of the next: 23, 24 or 25 hours apart."""
    return _first_instant(day, ZoneInfo(zone)), _first_instant(day + timedelta(days=1), ZoneInfo(zone))


def count_windows(every: Every, start_ns: int, stop_ns: int) -> int:
    """How many windows overlap the range; in calendar units an upper bound that holds in every time zone."""
    width = every.width_ns
    if width is not None:
        return -(-stop_ns // width) - start_ns // width
    return _step_of(every, _utc_date(stop_ns)) - _step_of(every, _utc_date(start_ns)) + 2


def smallest_fitting(every: Every, start_ns: int, stop_ns: int, limit: int) -> Every | None:
    """The smallest width at which at most `limit` windows overlap the range.

    Durations are counted in whole seconds, calendar widths in their own unit; None where none fits.
    """
    if every.width_ns is None:
        wider: Iterator[Every] = (Every(count, every.unit) for count in range(every.count, every.count + 10_000))
    elif limit < 2 and start_ns < 0 < stop_ns:  # windows of every width meet at 1970
        return None
    else:
        wider = _durations(-(-(stop_ns - start_ns) // (limit * NANOSECONDS)))
    fitting = (it for it in wider if it.count <= _MOST and count_windows(it, start_ns, stop_ns) <= limit)
    return next(fitting, None)


def _durations(least: int) -> Iterator[Every]:
    """Every duration of at least `least` seconds with at most 5 digits, ascending, each in its largest unit."""
    shorter = 0
    for width in (1, 60, 3600):
        for seconds in range(max(-(-least // width), shorter // width + 1) * width, (_MOST + 1) * width, width):
            unit, size = ("h", 3600) if seconds % 3600 == 0 else ("m", 60) if seconds % 60 == 0 else ("s", 1)
            yield Every(seconds // size, unit)
        shorter = _MOST * width


def _calendar(every: Every, zone: ZoneInfo, start_ns: int, stop_ns: int) -> list[int]:
    local = (_EPOCH + timedelta(seconds=start_ns // NANOSECONDS)).astimezone(zone).date()
    step = _step_of(every, local)
    # One earlier, because of days that begin late or not at all.
    step -= 1
    starts = [_first_instant(_day(every, step), zone)]
    while starts[-1] < stop_ns:
        step += 1
        instant = _first_instant(_day(every, step), zone)
        if instant > starts[-1]:  # a day may be missing: Samoa had no 30 December 2011
            starts.append(instant)
    return starts[bisect_right(starts, start_ns) - 1 :]


def _step_of(every: Every, day: date) -> int:
    if every.unit == "mo":
        return ((day.year - 1970) * 12 + day.month - 1) // every.count
    if every.unit == "w":
        return (day - _FIRST_MONDAY).days // 7 // every.count
    return (day - _FIRST_DAY).days // every.count


def _day(every: Every, step: int) -> date:
    """The first day of a window; one near the ends of the calendar where Python has no such date."""
    try:
        if every.unit == "mo":
            years, month = divmod(step * every.count, 12)
            return date(1970 + years, month + 1, 1)
        if every.unit == "w":
            return _FIRST_MONDAY + timedelta(weeks=step * every.count)
        return _FIRST_DAY + timedelta(days=step * every.count)
    except (ValueError, OverflowError):
        return date(2, 1, 1) if step < 0 else date(9998, 12, 31)


def _first_instant(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day in a time zone; midnight itself may be skipped or come twice."""
    midnight = datetime.combine(day, time(), zone)  # fold 0: the first of two
    instant = (midnight.astimezone(UTC) - _EPOCH) // timedelta(seconds=1)
    if _local_date(instant - 1, zone) >= day:
        # Midnight is in a gap that began before it: the day begins where the gap is.
        low, high = instant - 86_400, instant
        while low < high:
            middle = (low + high) // 2
            if _local_date(middle, zone) >= day:
                high = middle
            else:
                low = middle + 1
        instant = low
    return instant * NANOSECONDS


def _utc_date(instant_ns: int) -> date:
    return _local_date(instant_ns // NANOSECONDS, UTC)


def _local_date(instant: int, zone: tzinfo) -> date:
    return (_EPOCH + timedelta(seconds=instant)).astimezone(zone).date()
