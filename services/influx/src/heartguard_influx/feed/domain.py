"""Claimed ranges and the readings in them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from heartguard_influx.changes.domain import ChangedRange


class Claimed(NamedTuple):
    """A range that one follower has for a minute; it removes the row `id` when it has evaluated the points.

    The change was received at `received_ns`.
    """

    id: int
    org_id: int
    range: ChangedRange
    received_ns: int


class Reading(NamedTuple):
    """The numbers of a point; `motion` is its tag `motion_context`."""

    time_ns: int
    values: Mapping[str, float]
    motion: str | None


class Page(NamedTuple):
    """Readings in order of time, and where the next ones begin; None where these are all."""

    readings: Sequence[Reading]
    next_ns: int | None
