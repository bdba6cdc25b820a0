"""The samples of one person that a rule looks at."""

from collections.abc import Iterable, Sequence
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


def samples_of(criteria: Criteria, readings: Iterable[Reading], step_times: Iterable[int] = ()) -> Sequence[Sample]:
    """The samples that count for the criteria, one for each instant, in order of time.

    Where several values are stored for one instant, by different devices, the worst of them counts. `step_times` are
    the times of stored steps.
    """
    minutes = {time_ns // MINUTE_NS for time_ns in step_times} if criteria.resting else ()
    found: dict[int, float] = {}
    for time_ns, value, active in readings:
        if criteria.resting and (active or (active is None and time_ns // MINUTE_NS in minutes)):
            continue
        if not criteria.applies(time_ns):
            continue
        known = found.get(time_ns)
        found[time_ns] = value if known is None else criteria.worse(known, value)
    return [Sample(time_ns, found[time_ns]) for time_ns in sorted(found)]
