"""Times as the formats write them, in ns since 1970-01-01T00:00:00Z."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A number of seconds since 1970 has reached 10**11 in the year 5138, one of milliseconds did in 1973; and so on.
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))


class SkippedTimeError(ValueError):
    """A local time that the clocks of its time zone skip when daylight saving time begins."""


def nanoseconds(moment: datetime) -> int:
    """The time of a datetime with an offset."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 10**9 + passed.microseconds * 1_000


def of_number(number: int | Decimal, unit: int | None = None) -> int:
    """The time of a number since 1970 whose unit is so many ns, by its size where `unit` is None."""
    if unit is None:
        unit = next((size for limit, size in _UNITS if -limit < number < limit), 1)
    return round(number * unit)


class LocalClock:
    """Turns local times of a file, in the order of the file, into times.

    Where clocks are set back an hour happens twice. The first of both is meant, until the file goes back in time
    within that hour: what follows is the second.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._last: datetime | None = None
        self._second = False

    def time(self, local: datetime) -> int:
        """The time of a local time without offset. Raises SkippedTimeError."""
        first = local.replace(tzinfo=self._zone, fold=0)
        second = local.replace(tzinfo=self._zone, fold=1)
        try:
            if first.utcoffset() == second.utcoffset():
                self._second = False
            elif second.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != local:
                raise SkippedTimeError(str(local))
            elif self._last is not None and local < self._last and self._last - local < timedelta(hours=1, minutes=30):
                self._second = True
            self._last = local
            return nanoseconds(second if self._second else first)
        except OverflowError as error:  # the year 1 or 9999, beyond which the offset leads
            raise ValueError(str(local)) from error


def of_text(text: str, clock: LocalClock | None) -> int:
    """The time of an ISO 8601 text; without an offset it is local to `clock`.

    Raises ValueError where it is none, or local and there is no clock; SkippedTimeError.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return nanoseconds(moment)
    if clock is None:
        raise ValueError("a local time without a time zone")
    return clock.time(moment)
