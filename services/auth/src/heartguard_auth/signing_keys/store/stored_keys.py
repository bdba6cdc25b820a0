"""The keys of the ring in PostgreSQL."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_auth.signing_keys.domain import RingKey
from heartguard_common.core.clock import Clock, from_datetime
from heartguard_common.messages import JwkDocument
from heartguard_common.stores.database import Connection, text

_RING_LOCK = 0x48475249  # advisory lock "HGRI": two processes must not create or rotate keys at the same time


class StoredKey(NamedTuple):
    """A key that verifies or is going to; `private_key` is encrypted, times are nanoseconds since the epoch.

    `signs_since` is None for the next key.
    """

    kid: str
    private_key: str
    public_jwk: JwkDocument
    created_at: int
    signs_since: int | None


class StoredKeys:
    """The table `signing_keys`; each method works in the transaction of the connection it is given."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def lock(self, connection: Connection) -> None:
        """Keep other processes from changing the ring until the transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _RING_LOCK})

    def live(self, connection: Connection) -> Sequence[StoredKey]:
        """The keys that are neither retired nor expired: the one that signs, those before it, and last the next one."""
        rows = connection.execute(_LIVE, {"now": self._now()})
        return [
            StoredKey(
                row.kid,
                row.private_key,
                row.public_jwk,
                nanoseconds(row.created_at),
                nanoseconds(row.signs_since) if row.signs_since else None,
            )
            for row in rows
        ]

    def all_keys(self, connection: Connection) -> list[RingKey]:
        """Every key that exists or existed, the newest first."""
        return [RingKey(*(_rfc3339(value) for value in row)) for row in connection.execute(text(_EVERY))]

    def add(self, connection: Connection, private_key: str, public_jwk: JwkDocument, *, signs: bool) -> None:
        """Store a new key, whose `private_key` is encrypted; `signs`: from now on, else as the next one."""
        now = self._now()
        values = {
            "kid": public_jwk["kid"],
            "private_key": private_key,
            "public_jwk": json.dumps(public_jwk),
            "now": now,
            "signs_since": now if signs else None,
        }
        connection.execute(text(_ADD), values)

    def sign_with(self, connection: Connection, kid: str, until_ns: int) -> None:
        """Let a key sign from now on; the one before verifies until `until_ns`."""
        connection.execute(text(_SIGN_WITH), {"kid": kid, "now": self._now(), "until": timestamptz(until_ns)})

    def retire(self, connection: Connection, kid: str) -> bool:
        """Mark a key as retired; False for an unknown id."""
        return connection.execute(text(_RETIRE), {"kid": kid, "now": self._now()}).rowcount == 1

    def _now(self) -> datetime:
        return timestamptz(self._clock.now_ns())


def _rfc3339(value: Any) -> Any:
    return from_datetime(value) if isinstance(value, datetime) else value


_LIVE = text("""
SELECT kid, private_key, public_jwk, created_at, signs_since FROM heartguard_core.signing_keys
WHERE retired_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
ORDER BY signs_since DESC NULLS LAST, kid
""")
_EVERY = """
SELECT kid, created_at, signs_since, expires_at, retired_at FROM heartguard_core.signing_keys
ORDER BY signs_since DESC NULLS FIRST, created_at DESC
"""
_ADD = """
INSERT INTO heartguard_core.signing_keys (kid, private_key, public_jwk, created_at, signs_since)
VALUES (:kid, :private_key, cast(:public_jwk AS jsonb), :now, :signs_since)
"""
_SIGN_WITH = """
UPDATE heartguard_core.signing_keys
SET signs_since = CASE WHEN kid = :kid THEN :now ELSE signs_since END,
    expires_at = CASE WHEN kid = :kid THEN NULL ELSE coalesce(expires_at, :until) END
WHERE retired_at IS NULL
"""
_RETIRE = "UPDATE heartguard_core.signing_keys SET retired_at = coalesce(retired_at, :now) WHERE kid = :kid"
