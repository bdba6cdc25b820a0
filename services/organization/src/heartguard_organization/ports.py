"""What the organization service needs from outside."""

from collections.abc import Callable, Mapping
from typing import Protocol

from heartguard_organization.domain import Organization


class Organizations(Protocol):
    """Where organizations are kept."""

    def find(self, org_id: int) -> Organization | None:
        """The organization, or None when it does not exist (any more)."""

    def change(
        self, org_id: int, decide: Callable[[Organization], Organization]
    ) -> tuple[Organization, Organization] | None:
        """Store the state that `decide` makes of the current one, without a concurrent change in between.

        Returns the states before and after. What `decide` raises leaves everything as it was.
        """

    def close(self, org_id: int) -> None:
        """Set the mark of the organization's deletion: from its commit on nothing more of it is stored."""

    def end(self, org_id: int) -> None:
        """Mark the organization as deleted; no error when it does not exist."""


class LimitValues(Protocol):
    """The limits of organizations: values of their own, and how much is used."""

    @property
    def defaults(self) -> Mapping[str, int]:
        """What holds where an organization has no value of its own, by name."""

    def own(self, org_id: int) -> Mapping[str, int]:
        """The values that an organization has of its own, by name."""

    def used(self, org_id: int) -> Mapping[str, int]:
        """What is used now, by name, where it can be counted."""

    def set(self, org_id: int, values: Mapping[str, int | None]) -> None:
        """Give an organization values of its own; None: the default holds again."""
