"""Windows of time, without a store."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_influx.domain.query import Shape, windows_of
from heartguard_influx.domain.windows import Every, count_windows, grid, smallest_fitting

SECOND = 1_000_000_000
# Zones whose clocks jump at midnight, over it, or over a whole day.
ZONES = ["UTC", "Europe/Madrid", "America/Havana", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Asia/Kathmandu"]


def starts(every, zone, start, stop):
    found = grid(Every.parse(every), zone, parse_rfc3339(start), parse_rfc3339(stop))
    return [rfc3339(instant) for instant in found.starts]


@pytest.mark.parametrize(
    ("every", "zone", "start", "stop", "expected"),
    [
        ("1m", "UTC", "2024-06-01T10:00:30Z", "2024-06-01T10:02:00Z", ["10:00:00", "10:01:00", "10:02:00"]),
        ("1h", "UTC", "1969-12-31T22:59:59Z", "1969-12-31T23:00:01Z", ["22:00:00", "23:00:00", "00:00:00"]),
        ("1d", "Europe/Madrid", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z", ["23:00:00", "22:00:00"]),
        # Midnight comes twice in Havana: the day begins with the first.
        ("1d", "America/Havana", "2024-11-02T12:00:00Z", "2024-11-03T12:00:00Z", ["04:00:00", "04:00:00", "05:00:00"]),
        # There is no midnight in Beirut on that day: it begins at one o'clock, summer time.
        ("1d", "Asia/Beirut", "2024-03-30T12:00:00Z", "2024-03-31T12:00:00Z", ["22:00:00", "22:00:00", "21:00:00"]),
        # Samoa went from 29 to 31 December.
        ("1d", "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T11:00:00Z", ["10:00:00", "10:00:00", "10:00:00"]),
        # Toronto, 1919: from 23:30 to half past midnight.
        ("1d", "America/Toronto", "1919-03-31T04:00:00Z", "1919-03-31T05:00:00Z", ["05:00:00", "04:30:00", "04:00:00"]),
    ],
)
def test_window_starts(every, zone, start, stop, expected):
    assert [text[11:19] for text in starts(every, zone, start, stop)] == expected


def test_weeks_begin_on_monday_and_months_on_the_first():
    week = starts("1w", "UTC", "2024-06-05T00:00:00Z", "2024-06-10T00:00:01Z")
    assert week == ["2024-06-03T00:00:00Z", "2024-06-10T00:00:00Z", "2024-06-17T00:00:00Z"]
    months = starts("1mo", "Europe/Madrid", "2024-02-10T00:00:00Z", "2024-04-01T00:00:00Z")
    assert months == [
        "2024-01-31T23:00:00Z",
        "2024-02-29T23:00:00Z",
        "2024-03-31T22:00:00Z",
        "2024-04-30T22:00:00Z",
    ]
    quarters = starts("3mo", "UTC", "1969-12-31T00:00:00Z", "1970-01-01T00:00:01Z")
    assert quarters == ["1969-10-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-04-01T00:00:00Z"]


@given(
    every=st.builds(Every, st.integers(1, 400), st.sampled_from(["s", "m", "h", "d", "w", "mo"])),
    zone=st.sampled_from(ZONES),
    start=st.integers(-(2**62), 2**62),
    windows=st.integers(1, 30),
)
def test_windows_cover_the_range_without_gap_or_overlap(every, zone, start, windows):
    least = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 28 * 86400}[every.unit]
    stop = start + max(1, every.count * least * windows * SECOND - SECOND // 2)
    found = grid(every, zone, start, stop)
    assert found.starts[0] <= start < found.starts[1]
    assert found.starts[-2] < stop <= found.starts[-1]
    assert all(a < b for a, b in zip(found.starts, found.starts[1:], strict=False))
    assert len(found) <= count_windows(every, start, stop)


@given(
    every=st.builds(Every, st.integers(1, 90), st.sampled_from(["s", "m", "h"])),
    start=st.integers(-(10**9), 10**9),
    length=st.integers(1, 10**7),
    limit=st.integers(1, 500),
)
@example(every=Every(1, "s"), start=-1, length=903_422, limit=10)  # only minutes fit, far beyond a tenth of the range
def test_the_smallest_width_that_fits_does_and_no_smaller_one(every, start, length, limit):
    begin, end = start * SECOND, (start + length) * SECOND
    fitting = smallest_fitting(every, begin, end, limit)
    if fitting is None:
        assert limit == 1  # two windows of the range's length cover it, wherever it lies
        return
    assert count_windows(fitting, begin, end) <= limit
    seconds = fitting.width_ns // SECOND
    if seconds > 1 and fitting.unit == "s":
        assert count_windows(Every(seconds - 1, "s"), begin, end) > limit


def test_invalid_widths_are_refused(subtests):
    for text in ["", "0s", "1", "s", "1y", "-1m", "1.5h", "123456s", "1m ", "\uff11m"]:
        with subtests.test(text), pytest.raises(ValueError, match="width"):
            Every.parse(text)


def test_one_window_over_the_range_has_the_limit_of_many():
    shape = Shape("mean", None, "UTC", ("device",), filled=False, descending=False, limit=None)
    assert len(windows_of(shape, 0, 1, 50_000)) == 1
    with pytest.raises(ServiceError, match="TS_006"):
        windows_of(shape, 0, 1, 50_001)
