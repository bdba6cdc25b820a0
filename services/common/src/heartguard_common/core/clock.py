"""Time as a port, so that tests can set it."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import Protocol

NANOSECONDS = 1_000_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_SECOND = {f"{second:02d}Z": second * NANOSECONDS for second in range(60)}
_SECOND_TEXTS = tuple(f"{second:02d}" for second in range(60))
_MINUTE_TEXTS = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440))


class Clock(Protocol):
    """A source of the current time."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns()


def seconds(clock: Clock) -> int:
    """Whole seconds since the epoch, as JWT's NumericDate wants them (RFC 7519 section 2)."""
    return clock.now_ns() // NANOSECONDS


def rfc3339(time_ns: int) -> str:
    """An instant as RFC 3339 text in UTC; the fraction is as short as the value allows, up to nanoseconds."""
    whole, fraction = divmod(time_ns, NANOSECONDS)
    day, second = divmod(whole, 86_400)
    text = f"{_day_text(day)}{_MINUTE_TEXTS[second // 60]}{_SECOND_TEXTS[second % 60]}"
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time with zone. Raises ValueError for any other text."""
    second = _SECOND.get(text[17:])
    if second is not None:
        return _minute_ns(text[:17]) + second
    digits = text[20:-1]
    if text[19:20] == "." and text[-1] == "Z" and 0 < len(digits) <= 9 and digits.isascii() and digits.isdigit():
        return _second_ns(text[:19]) + int(digits.ljust(9, "0"))
    return _parse(text)


# A device sends a sample each second: the part of the time that all samples of a minute share is parsed once.
@lru_cache(maxsize=4096)
def _minute_ns(text: str) -> int:
    return _parse(text + "00Z")


# As do all times of a second, where there are several.
@lru_cache(maxsize=4096)
def _second_ns(text: str) -> int:
    return _parse(text + "Z")


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def _parse(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    moment = datetime.fromisoformat(match[1] + ("+00:00" if match[3] == "Z" else match[3]))
    return (moment - _EPOCH) // timedelta(seconds=1) * NANOSECONDS + int((match[2] or "0").ljust(9, "0"))


def from_datetime(moment: datetime) -> str:
    """A zoned `datetime` (a database column) as RFC 3339 text in UTC, down to microseconds."""
    since = moment - _EPOCH
    return rfc3339((since.days * 86_400 + since.seconds) * NANOSECONDS + since.microseconds * 1000)


def is_time_zone(name: str) -> bool:
    """Whether the name is in the IANA time zone database of the `tzdata` package, not that of the machine."""
    return name in _time_zones()


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
