"""The samples of one person that a rule looks at."""

import math
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from heartguard_alarm.domain.criteria import Criteria

MINUTE_NS = 60_000_000_000


class Reading(NamedTuple):
    """A stored value; `active` is the motion context of its point, None where it has none."""

    time_ns: int
    value: float
    active: bool | None = None


class Sample(NamedTuple):
    """The value that counts at an instant."""

    time_ns: int
    value: float


class Samples(list[Sample]):
    """Samples of different times, in order of time."""

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        """The lowest and the highest value; None where there is none, or one is not a number."""
        values = [it.value for it in self]
        return None if not values or any(map(math.isnan, values)) else (min(values), max(values))

    @cached_property
    def longest_pause_ns(self) -> int:
        """The longest time between two of them that follow one another."""
        return max((later.time_ns - earlier.time_ns for earlier, later in pairwise(self)), default=0)


def samples_of(criteria: Criteria, readings: Iterable[Reading], step_times: Iterable[int] = ()) -> Samples:
    """The samples that count for the criteria, one for each instant, in order of time.

    Where several values are stored for one instant, by different devices, the worst of them counts. `step_times` are
    the times of stored steps.
    """
    minutes = {time_ns // MINUTE_NS for time_ns in step_times} if criteria.resting else ()
    resting, times = criteria.resting, criteria.times
    found: dict[int, float] = {}
    for time_ns, value, active in readings:
        if resting and (active or (active is None and time_ns // MINUTE_NS in minutes)):
            continue
        if times is not None and not criteria.applies(time_ns):
            continue
        found[time_ns] = criteria.worse(found[time_ns], value) if time_ns in found else value
    return Samples(map(Sample._make, sorted(found.items())))
