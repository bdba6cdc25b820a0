"""Times of the week in a time zone, as people write them: Monday to Friday, 22:00 to 07:00."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NANOSECONDS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LocalRange:
    """From `start` until before `stop`, in minutes since local midnight, on these days (0 is Monday).

    Where `stop` is not after `start`, it is on the next day; the day is that of the start. 1440 is the end of a day.
    """

    days: frozenset[int]
    start: int
    stop: int

    def contains(self, weekday: int, minute: int) -> bool:
        """Whether a local minute is in the range."""
        if self.start < self.stop:
            return weekday in self.days and self.start <= minute < self.stop
        if minute >= self.start:
            return weekday in self.days
        return minute < self.stop and (weekday - 1) % 7 in self.days


@dataclass(frozen=True)
class LocalTimes:
    """Ranges of local times in an IANA zone.

    What the clocks show decides: an hour that clocks repeat is in a range twice, one that they skip not at all.
    """

    zone: str
    ranges: Sequence[LocalRange]

    def contain(self, time_ns: int) -> bool:
        """Whether the clocks of the zone show a time in one of the ranges."""
        minute = time_ns // (60 * NANOSECONDS)
        return _contain(self.zone, tuple(self.ranges), minute)


@lru_cache(maxsize=65_536)
def _contain(zone: str, ranges: tuple[LocalRange, ...], minute: int) -> bool:
    try:
        local = (_EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(zone))
    except OverflowError:
        return False
    seen = local.hour * 60 + local.minute
    return any(it.contains(local.weekday(), seen) for it in ranges)
