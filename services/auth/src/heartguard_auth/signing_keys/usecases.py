"""What an operator can do with the signing keys."""

import time
from collections.abc import Callable, Sequence

from heartguard_auth.revocations.ports import RevocationList
from heartguard_auth.shared.ports import Transactions
from heartguard_auth.signing_keys.domain import RingKey
from heartguard_auth.signing_keys.ports import KeyRotation
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.identity.authentication import Principal

OPERATOR = Principal("operator", "operator")
# Verifiers keep the public keys that they have used in memory, so the revocation of a retired key never ends.
REVOKED_SECONDS = 10 * 365 * 86_400
PUBLISH_SECONDS = 30.0
POLL_SECONDS = 0.2


class KeyAdministration:
    """Lists, rotates and retires the keys of the ring; each change is an audit event."""

    def __init__(
        self,
        rotation: KeyRotation,
        transactions: Transactions,
        revocations: RevocationList,
        audit: AuditTrail,
        clock: Clock,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rotation = rotation
        self._transactions = transactions
        self._revocations = revocations
        self._audit = audit
        self._clock = clock
        self._pause = pause

    def all_keys(self) -> Sequence[RingKey]:
        """Every key that exists or existed, the next one first."""
        return self._rotation.all_keys()

    def rotate(self) -> str:
        """Let the next key sign from now on; returns its id. Raises `KeyNotPublishedYet`."""
        with self._transactions.transaction():
            kid = self._rotation.rotate()
            self._audit.changed(OPERATOR, "auth.key_rotated", f"key:{kid}", payload={"by": "operator"})
        return kid

    def retire(self, kid: str) -> bool:
        """Have every token of a key refused everywhere; False for an unknown id.

        Returns when the copy of the revocations in Redis has it. Raises TimeoutError when that takes longer than 30
        seconds; the key is retired then nevertheless.
        """
        until = self._clock.now_ns() + REVOKED_SECONDS * NANOSECONDS
        with self._transactions.transaction():
            if not self._rotation.retire(kid):
                return False
            self._revocations.add("kid", [kid], "key retired", until)
            self._audit.changed(OPERATOR, "auth.key_retired", f"key:{kid}")
        deadline = time.monotonic() + PUBLISH_SECONDS
        while not self._revocations.copy_all():
            if time.monotonic() > deadline:
                raise TimeoutError
            self._pause(POLL_SECONDS)
        return True
