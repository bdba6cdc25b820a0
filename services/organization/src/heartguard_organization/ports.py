"""What the organization service needs from outside."""

from collections.abc import Callable, Collection
from typing import Protocol

from heartguard_organization.domain import Deletion, Organization


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


class Deletions(Protocol):
    """Where the deletions are kept that were asked for."""

    def request(self, deletion: Deletion, confirm: Callable[[Organization], None]) -> tuple[Deletion, bool] | None:
        """Keep a deletion, if the organization has none yet and `confirm` does not raise.

        Returns the deletion that holds and whether it is the new one; None when there is no organization.
        """

    def advance(self, work: Callable[[Deletion], Deletion], but_not: Collection[str]) -> Deletion | None:
        """Let `work` take one due deletion a step further; returns it as it is now, None when none is due.

        A deletion whose number is in `but_not` is passed over.

        Nobody else works on that deletion meanwhile; if this process dies, the step is due again.
        """


class Sisters(Protocol):
    """The other services that keep something of an organization."""

    def erase(self, keeper: str, org_id: int) -> None:
        """Have `keeper` remove it all. Raises `ServiceError` when that is not sure to have happened."""
