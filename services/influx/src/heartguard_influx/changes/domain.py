"""Ranges of changed points."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from heartguard_influx.series.domain import Tags, person_of


class ChangedRange(NamedTuple):
    """Points of a person were stored, replaced or removed, from `first_ns` to `last_ns`, both inclusive."""

    person: int
    measurement: str
    first_ns: int
    last_ns: int


class Located(Protocol):
    """What is needed of a point to say which range it changes."""

    @property
    def measurement(self) -> str:
        """Its measurement."""

    @property
    def tags(self) -> Tags:
        """The tags of its series."""

    @property
    def time_ns(self) -> int:
        """Its time in nanoseconds since the epoch."""


def ranges_of(points: Iterable[Located]) -> Sequence[ChangedRange]:
    """One range for each person and measurement among the points; those of no person change none."""
    times: dict[tuple[str, Tags], tuple[int, int]] = {}
    for point in points:
        key, time_ns = (point.measurement, point.tags), point.time_ns
        first_ns, last_ns = times.get(key, (time_ns, time_ns))
        times[key] = min(first_ns, time_ns), max(last_ns, time_ns)
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for (measurement, tags), (first_ns, last_ns) in times.items():
        person = person_of(tags)
        if person is not None:
            known = found.get((person, measurement), (first_ns, last_ns))
            found[person, measurement] = min(known[0], first_ns), max(known[1], last_ns)
    return [ChangedRange(*key, *bounds) for key, bounds in found.items()]
