"""What the organization service needs from outside."""

from collections.abc import Callable
from typing import Protocol

from heartguard_organization.domain import Organization


class Organizations(Protocol):
    """Where organizations are kept."""

    def find(self, org_id: int) -> Organization | None:
        """The organization, or None when it does not exist (any more)."""

    def change(
        self, org_id: int, decide: Callable[[Organization], Organization]
    ) -> tuple[Organization, Organization] | None:
        """Let `decide` make the new state of the current one, with nobody else in between.

        Returns the states before and after. What `decide` raises leaves everything as it was.
        """

    def close(self, org_id: int) -> None:
        """Set the mark of the organization's deletion: from its commit on nothing more of it is stored."""

    def end(self, org_id: int) -> None:
        """Let the organization be no more; no fault when it is not."""
