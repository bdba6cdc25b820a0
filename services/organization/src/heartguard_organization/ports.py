"""What the use cases of the organization service need from outside."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from heartguard_organization.domain import Organization, SetValue


class Organizations(Protocol):
    """The store of organizations."""

    def find(self, org_id: int) -> Organization | None:
        """The organization, or None when it does not exist or was deleted."""

    def list(self, part: str | None, after_id: int, limit: int) -> Sequence[Organization]:
        """Up to `limit` organizations with an id above `after_id`, by id; with `part`, those whose name has it."""

    def change(
        self, org_id: int, decide: Callable[[Organization], Organization]
    ) -> tuple[Organization, Organization] | None:
        """Store the state that `decide` makes of the current one, without a concurrent change in between.

        Returns the states before and after, None when there is no such organization. An exception of `decide` leaves
        everything unchanged.
        """

    def close(self, org_id: int) -> None:
        """Set the organization's deletion mark: after its commit no service stores data of the organization."""

    def end(self, org_id: int) -> None:
        """Mark the organization as deleted; no error when it does not exist."""


class LimitValues(Protocol):
    """The limits of organizations: their own values, and how much is used."""

    @property
    def defaults(self) -> Mapping[str, int]:
        """The values that apply where an organization has no own value, by name."""

    def set_values(self, org_id: int) -> Mapping[str, SetValue]:
        """The values that were set for the organization or by its plan, by name."""

    def used(self, org_id: int) -> Mapping[str, int]:
        """How much is used now, by name, for limits that can be counted."""

    def set(self, org_id: int, values: Mapping[str, int | None]) -> None:
        """Set own values of an organization; None restores that of its plan, or else the default."""

    def apply_plan(self, org_id: int, limits: Mapping[str, int]) -> None:
        """Replace the values of an organization's former plan; own values stay."""
