"""Where revocations are stored."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Mode


class RevocationList(Protocol):
    """The revocations and modes of organizations in PostgreSQL, and their copy in Redis."""

    def add(self, kind: str, values: Sequence[str], reason: str, expires_at: int) -> None:
        """Revoke tokens (`jti`), sessions (`sid`) or keys (`kid`) until `expires_at`, in nanoseconds."""

    def publish(self, kind: str, values: Sequence[str], expires_at: int) -> None:
        """Bring a committed revocation to the copy, now or as soon as the copy is available again."""

    def copy_all(self) -> bool:
        """Bring all revocations to the copy; False while Redis does not take them."""

    def holds(self, principal: Principal) -> bool:
        """Whether this token, its session or its key is revoked according to PostgreSQL."""

    def mode(self, org_id: int) -> Mode:
        """The mode of an organization according to PostgreSQL."""
