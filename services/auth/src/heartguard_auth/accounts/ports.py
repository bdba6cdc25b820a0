"""What use cases need to know and change of accounts."""

from typing import Protocol

from heartguard_auth.accounts.domain import Account, MembershipStatus, NewAccount


class Accounts(Protocol):
    """The accounts, and the first row of each organization."""

    def add(self, account: NewAccount) -> Account | None:
        """Make an account (and its organization, if it creates one); None when the address is taken.

        Raises `LimitError` when the organization has as many people as it may have.
        """

    def by_email(self, email: str) -> Account | None:
        """The account of an address, deleted ones excepted."""

    def by_id(self, user_id: int) -> Account | None:
        """The account with that id, deleted ones excepted."""

    def set_password(self, account: Account, hashed: str) -> bool:
        """Replace the password hash; False when the account has changed since it was read."""

    def lock_if_unchanged(self, account: Account) -> bool:
        """Lock password, role and state until the transaction ends; False when they changed since they were read."""

    def membership_status(self, org_id: int, user_id: int) -> MembershipStatus | None:
        """The status of a member; neither it nor the set of active admins can change until the transaction ends."""

    def set_role(self, user_id: int, role: str, *, active: bool) -> None:
        """Set a member's role and whether the member is active."""

    def addresses(self, org_id: int, user_id: int | None) -> list[str]:
        """The addresses of the members of an organization, or of one of them."""

    def mark_deleted(self, user_id: int) -> None:
        """Mark a member as deleted: after the commit nothing more is stored of that person."""

    def erase(self, org_id: int, user_id: int | None) -> list[int]:
        """Anonymize the accounts of an organization, or one of them; returns the ids of those that this changed."""


class Hasher(Protocol):
    """Hashes passwords."""

    def hash(self, password: str) -> str:
        """A hash with its parameters and salt."""

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; takes as long when there is no hash to compare with."""

    def outdated(self, stored: str) -> bool:
        """Whether that hash was made with other parameters than a new one would be."""
