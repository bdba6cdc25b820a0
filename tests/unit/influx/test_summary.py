"""The formulas of a day's summary, by hand."""

import pytest

from heartguard_influx.summaries.domain import Gap, one_per_instant, summarize

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def every(seconds, rates, start=0):
    return [(start * SECOND + place * seconds * SECOND, float(rate)) for place, rate in enumerate(rates)]


def test_a_whole_day_of_one_rate():
    summary = summarize(every(60, [60] * 1440), 0, DAY)
    assert (summary.samples, summary.minimum, summary.maximum, summary.mean) == (1440, 60, 60, 60)
    assert (summary.interval_seconds, summary.coverage, summary.resting_heart_rate) == (60, 1.0, 60)
    assert summary.gaps == []
    assert [zone.seconds for zone in summary.zones] == [86_400, 0, 0, 0, 0, 0]


def test_zones_are_shares_of_the_maximum_and_take_their_lower_end():
    # Of 200 bpm the zones begin at 100, 120, 140, 160 and 180; one sample a second.
    summary = summarize(every(1, [99, 100, 119.5, 120, 140, 160, 180, 250, 60]), 0, DAY, maximum=200)
    assert [(zone.minimum, zone.maximum) for zone in summary.zones] == [
        (0, 100), (100, 120), (120, 140), (140, 160), (160, 180), (180, None),
    ]  # fmt: skip
    assert [zone.seconds for zone in summary.zones] == [2, 2, 1, 1, 1, 2]


def test_a_gap_is_no_time_in_a_zone():
    # A sample each 30 s, then nothing for an hour: the last before it stands for 30 s.
    samples = every(30, [70] * 10) + every(30, [70] * 10, start=3600)
    summary = summarize(samples, 0, 2 * 3600 * SECOND)
    assert summary.zones[0].seconds == 2 * 10 * 30
    assert summary.gaps == [Gap(270 * SECOND, 3600 * SECOND), Gap(3870 * SECOND, 7200 * SECOND)]
    assert summary.coverage == pytest.approx(20 * 30 / 7200)


def test_a_second_device_covers_no_time_twice():
    # A watch sends each minute, a strap in between each second for two hours; both are silent from 12 to 14 o'clock.
    watch = [(minute * 60 * SECOND, 60.0) for minute in range(1440) if not 720 <= minute < 840]
    strap = [(30 * 60 * SECOND + second * SECOND + SECOND // 2, 60.0) for second in range(7200)]
    summary = summarize(sorted(watch + strap), 0, DAY)
    assert summary.gaps == [Gap(719 * 60 * SECOND, 840 * 60 * SECOND)]
    counted = sum(zone.seconds for zone in summary.zones)
    assert summary.coverage == pytest.approx(counted / 86_400)
    assert counted == pytest.approx(22 * 3600, abs=120)  # next to a gap and to midnight a sample counts for an interval


def test_short_pauses_are_no_gaps():
    # Three intervals and a minute are still the device's own business.
    assert summarize([*every(1, [70, 70, 70]), (62 * SECOND, 70.0)], 0, 63 * SECOND).gaps == []
    assert summarize([*every(1, [70, 70, 70]), (63 * SECOND, 70.0)], 0, 64 * SECOND).gaps == [
        Gap(2 * SECOND, 63 * SECOND)
    ]


def test_the_resting_rate_is_the_lowest_mean_of_five_minutes():
    # Each 10 s: ten minutes of 80, five minutes of 52, ten minutes of 90, and one low outlier among them.
    rates = [80] * 60 + [52] * 30 + [90] * 30 + [20] + [90] * 29
    assert summarize(every(10, rates), 0, DAY).resting_heart_rate == 52


def test_the_resting_rate_needs_five_minutes_that_are_covered():
    assert summarize(every(10, [60] * 23), 0, DAY).resting_heart_rate is None
    assert summarize(every(10, [60] * 24), 0, DAY).resting_heart_rate == 60


def test_a_day_without_samples():
    summary = summarize([], 0, DAY)
    assert (summary.samples, summary.mean, summary.resting_heart_rate, summary.interval_seconds) == (
        0,
        None,
        None,
        None,
    )
    assert (summary.coverage, summary.gaps) == (0.0, [Gap(0, DAY)])
    assert sum(zone.seconds for zone in summary.zones) == 0


def test_one_sample_has_no_interval():
    summary = summarize([(SECOND, 60.0)], 0, DAY)
    assert (summary.samples, summary.mean, summary.interval_seconds, summary.coverage) == (1, 60, None, 0.0)


def test_two_devices_at_one_instant_count_once():
    assert one_per_instant([(2, 60.0), (1, 50.0), (2, 70.0)]) == [(1, 50.0), (2, 65.0)]
