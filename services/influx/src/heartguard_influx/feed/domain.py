"""Claimed ranges and the readings in them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from heartguard_influx.changes.domain import ChangedRange


class Claimed(NamedTuple):
    """A range that one follower has for 15 seconds; it removes the row `id` when it has evaluated the points.

    The change was received at `received_ns`. `needs_steps`: a rule of the organization is about people at rest.
    """

    id: int
    org_id: int
    range: ChangedRange
    received_ns: int
    needs_steps: bool = False


class PersonRange(NamedTuple):
    """The points of a person and measurement in `[start_ns, stop_ns)`, in all buckets of the organization."""

    org_id: int
    person: int
    measurement: str
    start_ns: int
    stop_ns: int


class Reading(NamedTuple):
    """The numbers of a point; `motion` is its tag `motion_context`."""

    time_ns: int
    values: Mapping[str, float]
    motion: str | None


class Change(NamedTuple):
    """A claimed range with what is stored there; None for what has no room in the answer.

    `steps` are the times of steps in the minutes of the range; None also where they are not needed.
    """

    claimed: Claimed
    readings: Sequence[Reading] | None
    steps: Sequence[int] | None


class Page(NamedTuple):
    """Readings in order of time, and where the next ones begin; None where these are all."""

    readings: Sequence[Reading]
    next_ns: int | None
