"""Where the codes for forgotten passwords are stored."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.passwords.domain import IssuedCode


class Resets(Protocol):
    """The codes for forgotten passwords, by their digests."""

    def issue(self, user_id: int, digest: bytes, expires_at: int, *, by_admin: bool) -> None:
        """Store a code; it replaces the member's earlier ones."""

    def find(self, digest: bytes) -> IssuedCode | None:
        """What a valid code stands for; None for any other code."""

    def spend(self, digest: bytes) -> bool:
        """Use a valid code up; False when it was used meanwhile."""

    def delete_of(self, user_ids: Sequence[int]) -> None:
        """Remove every code of these people."""
