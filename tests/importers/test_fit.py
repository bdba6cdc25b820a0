"""FIT: each message, chained and damaged files, a real file."""

import statistics

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_importers import InvalidFileError, Reason
from tests.importers.builders import FIT_EPOCH, FitFile, activity
from tests.importers.reading import read, shown

START = 1_682_917_200
AT = START - FIT_EPOCH


def times(records):
    """Of each record the seconds since the start."""
    return [(record.time - START * 10**9) / 10**9 for record in records]


def test_an_activity(tmp_path):
    records, report, kind = read(activity(START, (120, 255, 121)).bytes(), tmp_path)
    assert kind == "fit"
    assert shown(records) == [("heart_rate", 120.0, START * 10**9), ("heart_rate", 121.0, (START + 2) * 10**9)]
    assert records[0].tags == {"source": "FIT", "device": "garmin edge_530"}
    assert report.rejected == {Reason.NO_VALUE: 1}


def test_intervals_between_beats_follow_one_another_and_start_again_after_a_pause(tmp_path):
    file = FitFile().file_id().add(20, {253: ("uint32", AT)})
    file.add(78, {0: ("uint16", (800, 810, 65535, 65535, 65535))})
    file.add(20, {253: ("uint32", AT + 1)}).add(78, {0: ("uint16", (790, 65535, 65535, 65535, 65535))})
    file.add(20, {253: ("uint32", AT + 60)}).add(78, {0: ("uint16", (700, 65535, 65535, 65535, 65535))})
    records, _, _ = read(file.bytes(), tmp_path)
    assert [record.fields["ms"] for record in records] == [800, 810, 790, 700]
    assert times(records) == [0.0, 0.81, 1.6, 60.0]


def test_heart_rates_of_a_strap_with_packed_times(tmp_path):
    # 0xFFF is reached and begins again: 4000, 4090, 4 + 4096 of 1/1024 s
    file = FitFile().file_id()
    file.add(132, {253: ("uint32", AT), 0: ("uint16", 16_384), 9: ("uint32", (4000,)), 6: ("uint8", (100,))})
    packed = (4090 & 0xFF, 4090 >> 8 | (4 & 0xF) << 4, 4 >> 4)
    file.add(132, {10: ("uint8", packed), 6: ("uint8", (101, 102))})
    records, _, _ = read(file.bytes(), tmp_path)
    assert [record.fields["bpm"] for record in records] == [100, 101, 102]
    assert times(records) == pytest.approx([0.5, 0.5 + 90 / 1024, 0.5 + 100 / 1024], abs=1e-6)


def test_a_day_of_monitoring_with_short_times_and_sums_of_steps(tmp_path):
    base = AT & ~0xFFFF | 0xFFF0  # soon the lower 16 bits begin again
    file = FitFile().file_id().add(103, {253: ("uint32", base)})
    file.add(55, {26: ("uint16", 0xFFF8), 27: ("uint8", 60)}).add(55, {26: ("uint16", 4), 27: ("uint8", 61)})
    for minute, total in enumerate((500, 530, 530, 10)):
        file.add(55, {253: ("uint32", base + 60 + minute), 3: ("uint32", total), 5: ("enum", 6)})
    records, _, _ = read(file.bytes(), tmp_path)
    assert [(record.measurement, *record.fields.values()) for record in records] == [
        ("heart_rate", 60),
        ("heart_rate", 61),
        ("steps", 30),
        ("steps", 10),
    ]
    assert [record.time // 10**9 - FIT_EPOCH - base for record in records] == [8, 20, 61, 63]


def test_what_else_a_watch_measures(tmp_path):
    moment = ("uint32", AT)
    file = FitFile().file_id()
    file.add(211, {253: moment, 0: ("uint8", 50), 1: ("uint8", 52)})
    file.add(269, {253: moment, 0: ("uint8", 96)})
    file.add(297, {253: moment, 0: ("sint16", 1450)}).add(297, {253: moment, 0: ("sint16", -100)})
    file.add(371, {253: moment, 0: ("uint16", 4096)})
    file.add(290, {253: moment, 0: ("uint16", 250), 1: ("uint16", (900, 65535))})
    records, report, _ = read(file.bytes(), tmp_path)
    assert [(record.measurement, *record.fields.values()) for record in records] == [
        ("resting_heart_rate", 52),
        ("spo2", 96),
        ("respiratory_rate", 14.5),
        ("hrv_rmssd", 32),
        ("rr_interval", 900),
    ]
    assert times(records)[-1] == 1.15
    assert report.rejected == {Reason.NOT_WORN: 1}


def test_files_one_after_another(tmp_path):
    more = FitFile().add(20, {253: ("uint32", AT + 200), 3: ("uint8", 140)})  # of the same device: no file_id
    file = activity(START, (120,)).bytes() + activity(START + 100, (130,)).bytes() + more.bytes()
    records, _, _ = read(file, tmp_path)
    assert times(records) == [0, 100, 200]
    assert {record.tags["device"] for record in records} == {"garmin edge_530"}


def test_a_clock_that_was_never_set(tmp_path):
    file = FitFile().file_id().add(20, {253: ("uint32", 77), 3: ("uint8", 100)})
    assert read(file.bytes(), tmp_path)[1].rejected == {Reason.TIME_RANGE: 1}


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 40])
def test_a_file_that_ends_early_is_read_up_to_there(tmp_path, cut):
    whole = activity(START, range(100, 150)).bytes()
    records, report, _ = read(whole[:-cut], tmp_path, name="a.fit")
    assert [record.fields["bpm"] for record in records] == list(range(100, 100 + len(records)))
    assert len(records) >= 50 - cut // 6 - 1
    assert report.examples[-1].reason is Reason.DAMAGED
    assert report.examples[-1].place.startswith("a.fit, byte ")


def test_false_sizes_and_checksums_are_said_with_their_place(tmp_path):
    _, report, _ = read(activity(START, (120,)).bytes(size=0xFFFFFFF0), tmp_path)
    assert report.rejected == {Reason.DAMAGED: 1}
    assert report.examples[0].place.startswith("file, byte ")
    records, report, _ = read(activity(START, (120, 121, 122)).bytes(size=30), tmp_path)
    assert report.rejected[Reason.DAMAGED] >= 1
    whole = activity(START, (120,)).bytes()
    records, report, _ = read(whole[:-1] + bytes([whole[-1] ^ 1]), tmp_path)
    assert len(records) == 1
    assert report.examples[0].place.endswith("the checksum is wrong")


def test_what_is_no_fit_file_is_refused(tmp_path):
    with pytest.raises(InvalidFileError, match="no FIT header"):
        read(b"no FIT file at all", tmp_path, "fit")


def test_the_real_file_of_the_examples(tmp_path):
    # 1072 heart rates and 1074 hrv messages: the Rust crate fitparser, and docs/performance.md of this package
    records, report, _ = read(REPO_ROOT / "examples" / "activity.fit", tmp_path)
    rates = [record.fields["bpm"] for record in records if record.measurement == "heart_rate"]
    assert (len(rates), min(rates), max(rates)) == (1072, 128, 185)
    beats = [record for record in records if record.measurement == "rr_interval"]
    assert [beat.time for beat in beats] == sorted({beat.time for beat in beats})
    # Heart rate and intervals come from one sensor: a minute by the median interval is the median rate.
    interval = statistics.median(beat.fields["ms"] for beat in beats)
    assert 60_000 / interval == pytest.approx(statistics.median(rates), rel=0.01)
    assert not report.rejected
