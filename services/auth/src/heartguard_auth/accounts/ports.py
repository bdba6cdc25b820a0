"""What use cases need to know and change of accounts."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.accounts.domain import Account, Membership, MembershipStatus, NewAccount
from heartguard_common.messages import Role


class Accounts(Protocol):
    """The memberships, and the first row of each organization."""

    def add(self, account: NewAccount) -> Account | None:
        """Make an identity with a membership (and its organization, if it creates one); None for a taken address.

        Raises `LimitError` when the organization has as many people as it may have.
        """

    def by_email(self, email: str) -> Account | None:
        """The membership that a login with an address is for, deleted ones excepted; see `LoginAccounts`."""

    def by_id(self, user_id: int) -> Account | None:
        """The membership with that number, deleted ones excepted."""

    def is_member(self, org_id: int, email: str) -> bool:
        """Whether an organization has a member with that address, one that is being deleted included."""

    def lock_if_unchanged(self, account: Account) -> bool:
        """Lock password, role and state until the transaction ends; False when they changed since they were read."""

    def membership_status(self, org_id: int, user_id: int) -> MembershipStatus | None:
        """The status of a member; neither it nor the set of active admins can change until the transaction ends."""

    def set_role(self, user_id: int, role: str, *, active: bool) -> None:
        """Set a member's role and whether the member is active."""

    def mark_deleted(self, user_id: int) -> None:
        """Mark a member as deleted: after the commit nothing more is stored of that person."""

    def erase(self, org_id: int, user_id: int | None) -> tuple[list[int], list[str]]:
        """Anonymize the accounts of an organization, or one of them, and remove identities without membership.

        Returns the ids of the accounts that this changed, and the addresses that have no identity any more.
        """


class Identities(Protocol):
    """What belongs to a person in all of their organizations: the password, and the memberships."""

    def memberships(self, account: Account) -> Sequence[Membership]:
        """All memberships of the identity of an account, deleted ones excepted, by number."""

    def user_ids(self, account: Account) -> list[int]:
        """The numbers of these memberships."""

    def lock(self, account: Account) -> bool:
        """Have nothing join or leave the identity until the transaction ends; False when the account has changed."""

    def join(self, account: Account, org_id: int, role: Role, full_name: str | None) -> Account | None:
        """Add a membership to the identity of an account; None where it has one in that organization.

        Raises `LimitError` when the organization has as many people as it may have.
        """

    def set_password(self, account: Account, hashed: str, *, own: bool = True) -> bool:
        """Replace the password hash; False when the account has changed since it was read.

        `own`: the person has chosen the password.
        """

    def confirm(self, account: Account) -> None:
        """The address of an account is confirmed from now on."""

    def used(self, account: Account) -> None:
        """Have the next login without an organization be for this membership."""


class Hasher(Protocol):
    """Hashes passwords."""

    def hash(self, password: str) -> str:
        """A hash with its parameters and salt."""

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; takes as long when there is no hash to compare with."""

    def outdated(self, stored: str) -> bool:
        """Whether that hash was made with other parameters than a new one would be."""
