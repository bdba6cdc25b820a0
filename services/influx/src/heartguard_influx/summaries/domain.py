"""The summary of a day of heart rate.

How each number is computed, and the source of the method:

- **Interval**: the median time between successive samples, the device's own pace.
- **Gap**: a pause longer than three intervals and than a minute. A sample counts for the time until the next one, or
  for one interval where a gap follows (last observation carried forward, as for any step signal).
- **Coverage**: the share of the day so far for which a sample counts, however many devices send. Gaps are what it
  lacks, and the times in all zones add up to it.
- **Zones**: shares of the maximum heart rate, below 50 %, then in steps of 10 % (American Heart Association, "Target
  Heart Rates Chart": moderate activity is 50 to 70 %, vigorous 70 to 85 %). The maximum is the caller's, or 190 bpm,
  which is 220 minus an age of 30 (Fox, Naughton and Haskell, Annals of Clinical Research 3, 1971).
- **Resting heart rate**: the lowest mean over five minutes with a coverage of at least four fifths. Five minutes of
  rest are what guidelines ask for before a pulse is taken (2018 ESC/ESH Guidelines for arterial hypertension, 4.1).
"""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_common.core.clock import NANOSECONDS

DEFAULT_MAXIMUM = 190
ZONE_STARTS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_GAP_NS = 60 * NANOSECONDS
REST_NS = 300 * NANOSECONDS
REST_COVERED = 0.8
MOST_GAPS = 1000

Sample = tuple[int, float]
"""Nanoseconds since the epoch, and beats per minute."""


@dataclass(frozen=True)
class Zone:
    """A zone of effort in bpm, `minimum` included; no `maximum` in the highest one."""

    minimum: float
    maximum: float | None
    seconds: float


@dataclass(frozen=True)
class Gap:
    """A pause without samples, in nanoseconds since the epoch."""

    start_ns: int
    stop_ns: int


@dataclass(frozen=True)
class Summary:
    """The numbers of a day; without samples those that need some are None. Rates in bpm, times in seconds."""

    samples: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    resting_heart_rate: float | None
    interval_seconds: float | None
    coverage: float
    zones: Sequence[Zone]
    gaps: Sequence[Gap]


def summarize(samples: Sequence[Sample], start_ns: int, stop_ns: int, maximum: float = DEFAULT_MAXIMUM) -> Summary:
    """The summary of a day `[start_ns, stop_ns)` from its samples in order of time, at most one for each instant."""
    rates = [rate for _, rate in samples]
    interval = _interval(samples)
    longest = LEAST_GAP_NS if interval is None else max(LEAST_GAP_NS, 3 * interval)
    lengths = _lengths(samples, stop_ns, longest, interval or 0)
    return Summary(
        samples=len(samples),
        minimum=min(rates, default=None),
        maximum=max(rates, default=None),
        mean=statistics.fmean(rates) if rates else None,
        resting_heart_rate=_resting(samples, interval),
        interval_seconds=None if interval is None else interval / NANOSECONDS,
        coverage=sum(lengths) / (stop_ns - start_ns),
        zones=_zones(rates, lengths, maximum),
        gaps=_gaps(samples, start_ns, stop_ns, longest)[:MOST_GAPS],
    )


def one_per_instant(samples: Sequence[Sample]) -> list[Sample]:
    """Samples of several devices as one sequence in order of time; those of one instant become their mean."""
    together: dict[int, list[float]] = {}
    for time_ns, rate in samples:
        together.setdefault(time_ns, []).append(rate)
    return [(time_ns, statistics.fmean(together[time_ns])) for time_ns in sorted(together)]


def _interval(samples: Sequence[Sample]) -> int | None:
    if len(samples) < 2:
        return None
    return int(statistics.median(later[0] - earlier[0] for earlier, later in itertools.pairwise(samples)))


def _lengths(samples: Sequence[Sample], stop_ns: int, longest: int, interval: int) -> list[int]:
    """The time for which each sample counts, in nanoseconds."""
    ends = [time_ns for time_ns, _ in samples[1:]] + [stop_ns]
    pauses = [end - sample[0] for sample, end in zip(samples, ends, strict=False)]
    lengths = [pause if pause <= longest else interval for pause in pauses]
    if lengths:  # the time of the next sample is not known
        lengths[-1] = min(pauses[-1], interval)
    return lengths


def _gaps(samples: Sequence[Sample], start_ns: int, stop_ns: int, longest: int) -> list[Gap]:
    times = [start_ns, *(time_ns for time_ns, _ in samples), stop_ns]
    return [Gap(one, other) for one, other in itertools.pairwise(times) if other - one > longest]


def _zones(rates: Sequence[float], lengths: Sequence[int], maximum: float) -> list[Zone]:
    starts = [share * maximum for share in ZONE_STARTS]
    spent = [0] * len(starts)
    for rate, length in zip(rates, lengths, strict=True):
        spent[max(place for place, start in enumerate(starts) if rate >= start or place == 0)] += length
    ends = [*starts[1:], None]
    return [Zone(start, end, time / NANOSECONDS) for start, end, time in zip(starts, ends, spent, strict=True)]


def _resting(samples: Sequence[Sample], interval: int | None) -> float | None:
    """The lowest mean of a window of five minutes, sliding from sample to sample."""
    if not interval:
        return None
    needed = max(1.0, REST_COVERED * REST_NS / interval)
    lowest, total, first = None, 0.0, 0
    for last, (time_ns, rate) in enumerate(samples):
        total += rate
        while samples[first][0] <= time_ns - REST_NS:
            total -= samples[first][1]
            first += 1
        count = last - first + 1
        if count >= needed and (lowest is None or total / count < lowest):
            lowest = total / count
    return lowest
