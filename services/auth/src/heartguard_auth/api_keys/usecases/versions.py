"""Versions of API keys end with each change: verifiers that remember a key look it up again then."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heartguard_auth.revocations.ports import RevocationList
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.identity.api_key_cache import LIFE_SECONDS

# A version stays revoked for longer than any process remembers a look-up.
REVOKED_SECONDS = LIFE_SECONDS + 300


class EndVersions:
    """Ends versions of keys inside a transaction; may be called several times in it."""

    def __init__(self, common: CommonPorts, revocations: RevocationList) -> None:
        self._revocations = revocations
        self._until = common.clock.now_ns() + REVOKED_SECONDS * NANOSECONDS
        self._ended: list[str] = []

    def __call__(self, versions: Sequence[str], reason: str) -> None:
        """End these versions."""
        self._revocations.add("sid", versions, reason, self._until)
        self._ended.extend(versions)

    def publish(self) -> None:
        """Bring the revocations to the copy; after the commit."""
        if self._ended:
            self._revocations.publish("sid", self._ended, self._until)


class VersionRevocation:
    """Ends versions of keys: in PostgreSQL with the change, in the copy in Redis after the commit."""

    def __init__(self, common: CommonPorts, revocations: RevocationList) -> None:
        self._common = common
        self._revocations = revocations

    @contextmanager
    def transaction(self) -> Iterator[EndVersions]:
        """A transaction that may end versions, by calling what it yields."""
        end = EndVersions(self._common, self._revocations)
        with self._common.transactions.transaction():
            yield end
        end.publish()
