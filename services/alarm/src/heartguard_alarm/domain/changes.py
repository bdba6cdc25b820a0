"""Changed points as the time-series service hands them out, and what is kept between two evaluations."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from heartguard_alarm.domain.no_data import NoData
from heartguard_alarm.domain.rules import Rule

Kind = Literal[
    "raised",
    "retrospective",
    "changed",
    "cleared",
    "merged",
    "withdrawn",
    "escalated",
    "acknowledged",
    "noted",
    "closed",
]
RETROSPECTIVE_NS = 30 * 60 * 1_000_000_000
"""An episode that is found so long after its end, or its last sample while it is open, notifies nobody."""


class Stored(NamedTuple):
    """The numbers of a stored point, and whether it is marked as one of activity or of rest."""

    time_ns: int
    values: Mapping[str, float]
    active: bool | None


class PersonRange(NamedTuple):
    """The readings of a person and measurement in `[start_ns, stop_ns)`."""

    person: int
    measurement: str
    start_ns: int
    stop_ns: int


class Change(NamedTuple):
    """Points of a person were stored, replaced or removed from `first_ns` to `last_ns`.

    `readings` are all that are stored there now, None where they were too many; `steps` the times of steps in the
    minutes of the range, None where they were not read. The change was received at `received_ns`.
    """

    id: int
    org_id: int
    person: int
    measurement: str
    first_ns: int
    last_ns: int
    readings: Sequence[Stored] | None
    received_ns: int
    steps: Sequence[int] | None = None


class State(NamedTuple):
    """Points up to `head_ns` were evaluated; `text` is the state after them, None where it must be read again."""

    head_ns: int
    text: str | None


class Evaluated(NamedTuple):
    """A rule evaluated for a person, who has points up to `last_ns`; `missing` are its episodes without data."""

    rule: Rule
    person: int
    last_ns: int
    missing: Sequence[NoData] = ()

    def without_data(self, raised_ns: int) -> NoData | None:
        """The episode without data that was raised at a time."""
        return next((it for it in self.missing if it.raised_ns == raised_ns), None)


class Transition(NamedTuple):
    """What has happened to an episode."""

    episode_id: str
    kind: Kind
