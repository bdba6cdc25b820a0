"""The episodes of a rule and a person, computed straight from the definition in docs/alarms.md, without any state.

It is slow and looks at everything again for each sample; no code of the service is used, so that both can be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True)
class Asked:
    """What one version asks, from `since` on; `on` tells whether the rule applies at all."""

    since: int
    on: bool = True
    above: bool = True
    threshold: float = 0
    clear: float = 0
    duration: int = 0
    clear_after: int = 0
    max_gap: int = 1
    tolerance: Fraction = Fraction(1, 5)


def version_at(versions: Sequence[Asked], time: int) -> Asked | None:
    """The version that applies at a time."""
    return next((it for it in reversed(versions) if it.since <= time), None)


def run_of(points: Mapping[int, float], versions: Sequence[Asked], time: int) -> list[int]:
    """The times of the run of the sample at `time`, up to that sample."""
    version = version_at(versions, time)
    assert version is not None
    run = [time]
    for other in sorted((it for it in points if it < time), reverse=True):
        if other < version.since or run[0] - other > version.max_gap:
            break
        run.insert(0, other)
    return run


def share(points: Mapping[int, float], run: Sequence[int], begin: int, end: int, bound: float, sign: int) -> Fraction:
    """The share of `(begin, end]` in which the value is beyond a bound: above it where the sign is 1, else below."""
    held = 0
    for time, following in pairwise(run):
        if sign * points[time] > sign * bound:
            held += max(0, min(following, end) - max(time, begin))
    return Fraction(held, end - begin)


def breaches(points: Mapping[int, float], versions: Sequence[Asked], time: int) -> bool:
    """Whether the window of a sample qualifies."""
    asked = version_at(versions, time)
    if asked is None or not asked.on:
        return False
    sign = 1 if asked.above else -1
    if asked.duration == 0:
        return sign * points[time] > sign * asked.threshold
    run = run_of(points, versions, time)
    begin = time - asked.duration
    return run[0] <= begin and share(points, run, begin, time, asked.threshold, sign) >= 1 - asked.tolerance


def clears(points: Mapping[int, float], versions: Sequence[Asked], time: int) -> bool:
    """Whether the window of a sample ends an episode."""
    asked = version_at(versions, time)
    if asked is None or not asked.on:
        return False
    sign = 1 if asked.above else -1
    if asked.clear_after == 0:
        return sign * points[time] <= sign * asked.clear
    run = run_of(points, versions, time)
    begin = time - asked.clear_after
    return run[0] <= begin and share(points, run, begin, time, asked.clear, sign) <= asked.tolerance


def episodes(points: Mapping[int, float], versions: Sequence[Asked]) -> list[tuple[int, int | None]]:
    """Start and end of each episode; the end of one that is open is None."""
    found: list[tuple[int, int | None]] = []
    previous_end, cleared_at = -(10**30), -(10**30)
    while True:
        raised = [
            time
            for time in sorted(points)
            if time > cleared_at
            and breaches(points, versions, time)
            and time - version_at(versions, time).duration >= previous_end  # type: ignore[union-attr]
        ]
        if not raised:
            return found
        start = raised[0] - version_at(versions, raised[0]).duration  # type: ignore[union-attr]
        ends = []
        for time in sorted(it for it in points if it >= raised[0]):
            asked = version_at(versions, time)
            assert asked is not None
            end = time - asked.clear_after
            if end >= raised[0] and end > start and clears(points, versions, time):
                ends.append((time, end))
        ends += [(it.since, it.since) for it in versions if not it.on and it.since > raised[0]]
        if not ends:
            return [*found, (start, None)]
        cleared_at, previous_end = min(ends, key=lambda it: it[0])
        found.append((start, previous_end))
