"""What is needed of the store to hand out changes."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_influx.feed.domain import Claimed


class ChangeQueue(Protocol):
    """The recorded changes."""

    def claim(self, limit: int) -> Sequence[Claimed]:
        """Up to `limit` ranges that nobody else has claimed in the last 15 seconds, oldest first."""


class NoChangeQueue:
    """Has none."""

    def claim(self, limit: int) -> Sequence[Claimed]:  # noqa: ARG002  of the port
        """Nothing."""
        return ()
