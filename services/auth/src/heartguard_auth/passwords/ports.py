"""Where the codes for forgotten passwords are stored."""

from collections.abc import Sequence
from typing import Protocol


class Resets(Protocol):
    """The codes for forgotten passwords, by their digests."""

    def issue(self, user_id: int, digest: bytes, expires_at: int) -> None:
        """Store a code; it replaces the person's earlier ones."""

    def owner(self, digest: bytes) -> int | None:
        """The person that a valid code was issued to; None for any other code."""

    def spend(self, digest: bytes) -> bool:
        """Use a valid code up; False when it was used meanwhile."""

    def delete_of(self, user_ids: Sequence[int]) -> None:
        """Remove every code of these people."""
