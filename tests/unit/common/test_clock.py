"""RFC 3339 in both directions."""

from datetime import UTC, datetime

import pytest

from heartguard_common.core.clock import parse_rfc3339, rfc3339

# Seconds since the epoch, from POSIX's formula by hand or from `date -u -d ... +%s`.
INSTANTS = [
    ("1970-01-01T00:00:00Z", 0),
    ("1969-12-31T23:59:59.999999999Z", -1),
    ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
    ("2026-11-23T12:00:00.000000001Z", 1_795_435_200_000_000_001),
    ("2001-09-09T01:46:40.5Z", 1_000_000_000_500_000_000),
]


@pytest.mark.parametrize(("text", "nanoseconds"), INSTANTS)
def test_an_instant_is_read_and_written_exactly(text, nanoseconds):
    assert parse_rfc3339(text) == nanoseconds
    assert rfc3339(nanoseconds) == text


@pytest.mark.parametrize(
    "text", ["2026-11-23T13:00:00+01:00", "2026-11-23T02:00:00-10:00", "2026-11-24T02:00:00.000+14:00"]
)
def test_an_offset_is_subtracted(text):
    assert parse_rfc3339(text) == 1_795_435_200_000_000_000


def test_the_ends_of_the_calendar_are_read():
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999999-14:00"):
        assert isinstance(parse_rfc3339(text), int)
    assert parse_rfc3339("0001-01-01T00:00:00Z") == int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) * 10**9


NO_TIMES = [
    "",
    "now",
    "2026-11-23",
    "2026-11-23T12:00:00",
    "2026-11-23 12:00:00Z",
    "2026-11-23t12:00:00z",
    "2026-02-30T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T12:00:60Z",
    "2026-11-23T12:00:00.Z",
    "2026-11-23T12:00:00.0123456789Z",
    "2026-11-23T12:00:00+25:00",
    "2026-11-23T12:00:00Z\n",
    "\u0662026-11-23T12:00:00Z",
]


def test_an_invalid_time_is_refused(subtests):
    for text in NO_TIMES:
        with subtests.test(text), pytest.raises(ValueError):  # noqa: PT011  the words are datetime's or ours
            parse_rfc3339(text)
