"""examples/recording.csv is what examples/make_recording.py derives, to the byte, and it is a heart rate."""

import csv
import importlib.util
import subprocess
import sys
from itertools import pairwise

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.paths import REPO_ROOT

EXAMPLES = REPO_ROOT / "examples"


def test_the_recording_is_derived_again_byte_by_byte(tmp_path):
    target = tmp_path / "again.csv"
    subprocess.run([sys.executable, EXAMPLES / "make_recording.py", target], check=True, capture_output=True)
    assert target.read_bytes() == (EXAMPLES / "recording.csv").read_bytes()


def test_the_recording_is_a_plausible_heart_rate():
    rows = list(csv.reader((EXAMPLES / "recording.csv").read_text().splitlines()))
    assert rows[0] == ["time", "bpm"]
    times = [parse_rfc3339(row[0]) for row in rows[1:]]
    assert all(a < b for a, b in pairwise(times))
    assert 11 * 60 < (times[-1] - times[0]) / 1e9 < 12 * 60
    assert all(60 <= float(row[1]) <= 140 for row in rows[1:])


def test_a_beat_is_the_peak_of_each_wave_and_a_missed_one_is_not_bridged():
    spec = importlib.util.spec_from_file_location("make_recording", EXAMPLES / "make_recording.py")
    recording = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recording)
    rate, samples = 100, [400] * 4000
    for peak in range(50, 4000, 80):  # a beat every 0.8 s; one wave is missing
        if peak != 2050:
            for place, height in enumerate((600, 800, 900, 800, 600)):
                samples[peak - 2 + place] = height
    samples[60 + 80] = 620  # a dicrotic notch, 0.1 s after its beat
    beats = recording.find_beats(samples, rate)
    assert beats == [peak for peak in range(50, 4000, 80) if peak != 2050]
    intervals = [b - a for a, b in pairwise(beats)]
    assert [interval for interval, good in zip(intervals, recording.trusted(intervals), strict=True) if not good] == [
        160
    ]
