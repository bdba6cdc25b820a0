"""What is needed of the store to record which points have changed."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from heartguard_influx.changes.domain import ChangedRange


class ChangeLog(Protocol):
    """Records changes for those who follow them."""

    def recording(self, org_id: int, ranges: Sequence[ChangedRange]) -> AbstractContextManager[None]:
        """Record ranges around the block that changes their points.

        A change is recorded before its points can be read, also if this process ends in between; whoever follows them
        reads the points after the block, or when a change that was never confirmed can have no effect any more.
        """


class NoChangeLog:
    """Records nothing."""

    def recording(self, org_id: int, ranges: Sequence[ChangedRange]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()
