"""Where invitations are stored."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.invitations.domain import Invitation


class Invitations(Protocol):
    """Invitations by the digests of their codes; one is valid until it expires, while its sender may still send it."""

    def add(self, invitation: Invitation, digest: bytes) -> None:
        """Store an invitation; it replaces an earlier one of that address into that organization."""

    def waiting(self, org_id: int, roles: tuple[str, ...], after: str | None, limit: int) -> list[Invitation]:
        """The valid invitations of an organization for these roles, oldest first, behind the id `after`."""

    def find(self, digest: bytes, email: str) -> Invitation | None:
        """The invitation of that code, if it is valid and for that address."""

    def spend(self, digest: bytes, email: str) -> Invitation | None:
        """As `find`, and uses it up when the transaction commits."""

    def withdraw(self, org_id: int, roles: tuple[str, ...], invitation_id: str) -> Invitation | None:
        """Remove an invitation of an organization for one of these roles; None when there is none."""

    def delete_of(self, org_id: int, user_id: int | None) -> list[str]:
        """Remove the invitations that a member sent or was sent by anybody, or all of those of an organization.

        Invitations of other organizations to its members stay. Returns the addresses that were invited.
        """

    def delete_for(self, addresses: Sequence[str]) -> None:
        """Remove the invitations of all organizations to these addresses."""
