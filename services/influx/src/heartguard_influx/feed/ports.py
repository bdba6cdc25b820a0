"""What is needed of the store to hand out changes."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_influx.feed.domain import Claimed, PersonRange, Reading


class ChangeQueue(Protocol):
    """The recorded changes."""

    def claim(self, limit: int) -> Sequence[Claimed]:
        """Up to `limit` ranges that nobody else has claimed in the last 15 seconds, oldest first."""


class NoChangeQueue:
    """Has none."""

    def claim(self, limit: int) -> Sequence[Claimed]:  # noqa: ARG002  of the port
        """Nothing."""
        return ()


class RangeReader(Protocol):
    """Reads many short ranges at once."""

    def whole(self, ranges: Sequence[PersonRange], each: int) -> Sequence[Sequence[Reading] | None]:
        """All readings of each range in order of time; None for one that may have a series with more than `each`."""


class NoRangeReader:
    """For a store that reads one range at a time."""

    def whole(self, ranges: Sequence[PersonRange], each: int) -> Sequence[Sequence[Reading] | None]:  # noqa: ARG002
        """None of them."""
        return [None] * len(ranges)
