"""Derive `recording.csv`, a beat-to-beat heart rate, from the pulse recording that the heartpy wheel carries.

    python examples/make_recording.py [target]

The wheel is only read, never imported: its code needs scipy and matplotlib, its data do not. What is done with the
samples stands in README.md beside this file. Integers throughout up to the last division, so that every machine
writes the same bytes.
"""

import csv
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from statistics import median

SOURCE = "heartpy/data/data3.csv"
TARGET = Path(__file__).with_name("recording.csv")

BASELINE_S = 1.5  # the signal is compared with its own mean over so long a time around it
ABOVE_PERCENT = 20  # so far above that mean a pulse wave rises
DEAD_TIME_S = 0.3  # no second beat so soon after one: 200 bpm
NEIGHBOURS = 10  # an interval is held against the median of so many on each side
TOLERANCE_PERCENT = 25  # and passes when it differs by no more than this


def read_samples() -> tuple[datetime, datetime, list[int]]:
    """Time of the first and of the last sample, and the amplitudes of all, which are evenly spaced."""
    text = Path(str(distribution("heartpy").locate_file(SOURCE))).read_text(encoding="ascii")
    rows = list(csv.reader(text.splitlines()))[1:]
    return datetime.fromisoformat(rows[0][0]), datetime.fromisoformat(rows[-1][0]), [int(row[1]) for row in rows]


def find_beats(samples: Sequence[int], rate: float) -> list[int]:
    """The places of the pulse waves' peaks: the highest sample of each stretch that stands out of the baseline."""
    half, dead = round(BASELINE_S * rate / 2), round(DEAD_TIME_S * rate)
    sums = [0]
    for sample in samples:
        sums.append(sums[-1] + sample)
    beats: list[int] = []
    peak: int | None = None
    for place, sample in enumerate(samples):
        low, high = max(0, place - half), min(len(samples), place + half)
        if sample * (high - low) * 100 > (sums[high] - sums[low]) * (100 + ABOVE_PERCENT):
            if peak is None or sample > samples[peak]:
                peak = place
        elif peak is not None:
            if beats and peak - beats[-1] < dead:
                beats[-1] = max(beats[-1], peak, key=samples.__getitem__)
            else:
                beats.append(peak)
            peak = None
    return beats


def trusted(intervals: Sequence[int]) -> list[bool]:
    """Which intervals look like one heart beat: not a missed wave, not one counted twice."""
    verdicts = []
    for place, interval in enumerate(intervals):
        around = intervals[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]
        usual = median(around)
        verdicts.append(abs(interval - usual) * 100 <= usual * TOLERANCE_PERCENT)
    return verdicts


def heart_rate() -> list[tuple[str, str]]:
    """Time (RFC 3339) of each trusted beat, and the rate (beats a minute) that the interval before it means."""
    first, last, samples = read_samples()
    step = (last - first) / (len(samples) - 1)
    beats = find_beats(samples, 1 / step.total_seconds())
    intervals = [after - before for before, after in pairwise(beats)]
    return [
        (_time(first + step * beat), f"{60 / (step.total_seconds() * interval):.1f}")
        for beat, interval, good in zip(beats[1:], intervals, trusted(intervals), strict=True)
        if good
    ]


def _time(moment: datetime) -> str:
    rounded = moment + timedelta(microseconds=500)
    return f"{rounded:%Y-%m-%dT%H:%M:%S}.{rounded.microsecond // 1000:03d}Z"


def main() -> None:
    """Write the recording to the target named on the command line, or beside this file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    lines = ["time,bpm", *(",".join(row) for row in heart_rate())]
    target.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
    print(f"{target.name}: {len(lines) - 1} beats")


if __name__ == "__main__":
    main()
