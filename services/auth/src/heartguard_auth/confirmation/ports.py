"""Where the codes that confirm addresses are stored."""

from typing import Protocol

from heartguard_auth.accounts.domain import Account


class Confirmations(Protocol):
    """The codes that confirm the addresses of identities, by their digests."""

    def issue(self, account: Account, digest: bytes, expires_at: int) -> None:
        """Store a code for the identity of an account, valid until `expires_at` (ns); it replaces the former."""

    def spend(self, digest: bytes) -> list[int]:
        """Use a valid code up: its address is confirmed from now on.

        Returns the numbers of the identity's memberships; none for any other code.
        """
