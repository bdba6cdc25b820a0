"""Which samples count: time windows over changes of the clocks, motion and steps, several values at one instant."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartguard_alarm.domain.criteria import Criteria, Level
from heartguard_alarm.domain.local_times import NANOSECONDS, LocalRange, LocalTimes
from heartguard_alarm.domain.samples import MINUTE_NS, Reading, Sample, samples_of

MADRID = "Europe/Madrid"
EVERY_DAY = frozenset(range(7))


def criteria(*, resting: bool = False, times: LocalTimes | None = None, condition: str = "above") -> Criteria:
    sign = condition == "above"
    return Criteria("above" if sign else "below", 100, 90 if sign else 110, 0, 0, 60, 200, resting, times)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * NANOSECONDS


NIGHT = LocalTimes(MADRID, (LocalRange(EVERY_DAY, 22 * 60, 7 * 60),))


@pytest.mark.parametrize(
    ("instant", "inside"),
    [
        ("2026-10-24T22:00+02:00", True),
        ("2026-10-24T21:59:59+02:00", False),
        ("2026-10-25T02:30+02:00", True),  # the clocks show 02:30 twice
        ("2026-10-25T02:30+01:00", True),
        ("2026-10-25T06:59:59+01:00", True),
        ("2026-10-25T07:00+01:00", False),
        ("2026-03-29T06:59:59+02:00", True),
        ("2026-03-29T07:00+02:00", False),
    ],
)
def test_a_night_ends_by_the_clocks(instant: str, inside: bool) -> None:
    assert NIGHT.contain(at(instant)) is inside


def test_an_hour_that_the_clocks_skip_is_in_no_range() -> None:
    skipped = LocalTimes(MADRID, (LocalRange(EVERY_DAY, 2 * 60, 3 * 60),))
    day = at("2026-03-29T00:00+01:00")
    assert not any(skipped.contain(day + minute * MINUTE_NS) for minute in range(23 * 60))


def test_a_range_over_midnight_belongs_to_the_day_of_its_start() -> None:
    friday = LocalTimes(MADRID, (LocalRange(frozenset({4}), 22 * 60, 7 * 60),))
    assert friday.contain(at("2026-11-28T06:00+01:00"))  # a Saturday
    assert not friday.contain(at("2026-11-27T06:00+01:00"))


@given(
    st.integers(0, 3 * 1440),
    st.sampled_from(["2026-03-28T00:00", "2026-10-24T00:00"]),
    st.sampled_from([MADRID, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sets(st.integers(0, 6)),
)
def test_any_minute_is_judged_by_what_the_clock_shows(
    after: int, day: str, zone: str, start: int, stop: int, days: set[int]
) -> None:
    instant = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=after)
    local = instant.astimezone(ZoneInfo(zone))
    seen = local.hour * 60 + local.minute
    expected = any(
        (weekday - local.weekday()) % 7 == (0 if late == 0 else 6)
        and start <= seen + late * 1440 < (stop if start < stop else stop + 1440)
        for weekday in days
        for late in (0, 1)
    )
    times = LocalTimes(zone, (LocalRange(frozenset(days), start, stop),))
    assert times.contain(int(instant.timestamp()) * NANOSECONDS) is expected


def test_resting_leaves_out_what_is_marked_active_and_unmarked_samples_with_steps() -> None:
    readings = [
        Reading(0, 120, active=True),
        Reading(1, 121, active=False),
        Reading(2, 122),
        Reading(MINUTE_NS, 123),
    ]
    assert samples_of(criteria(resting=True), readings, [5]) == [Sample(1, 121), Sample(MINUTE_NS, 123)]
    assert len(samples_of(criteria(), readings, [5])) == 4


def test_the_worst_value_of_an_instant_counts() -> None:
    readings = [Reading(5, 80), Reading(5, 120), Reading(3, 1)]
    assert samples_of(criteria(), readings) == [Sample(3, 1), Sample(5, 120)]
    assert samples_of(criteria(condition="below"), readings) == [Sample(3, 1), Sample(5, 80)]


def test_a_value_that_is_no_number_neither_raises_nor_clears() -> None:
    assert criteria().level(float("nan")) is Level.BETWEEN
    assert criteria(condition="below").level(float("inf")) is Level.CLEAR
