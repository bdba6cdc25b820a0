"""Codes for forgotten passwords, in PostgreSQL."""

from collections.abc import Sequence

from heartguard_auth.passwords.domain import IssuedCode
from heartguard_auth.shared.store.timestamps import timestamptz
from heartguard_common.core.clock import Clock
from heartguard_common.stores.database import Database, text


class PostgresResets:
    """The table `password_resets`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def issue(self, user_id: int, digest: bytes, expires_at: int, *, by_admin: bool) -> None:
        """Store a code; it replaces the member's earlier ones."""
        values = {
            "hash": digest,
            "user_id": user_id,
            "now": timestamptz(self._clock.now_ns()),
            "until": timestamptz(expires_at),
            "by_admin": by_admin,
        }
        with self._database.transaction() as connection:
            connection.execute(text(_DELETE_OF), {"ids": [user_id]})
            connection.execute(text(_ISSUE), values)

    def find(self, digest: bytes) -> IssuedCode | None:
        """What a valid code stands for; None for any other code."""
        row = self._database.one(text(_FIND), self._valid_at_now(digest))
        return None if row is None else IssuedCode(row.user_id, row.by_admin)

    def spend(self, digest: bytes) -> bool:
        """Use a valid code up; False when it was used meanwhile."""
        with self._database.transaction() as connection:
            return connection.execute(text(_SPEND), self._valid_at_now(digest)).one_or_none() is not None

    def purge(self) -> None:
        """Remove expired and used codes."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"now": timestamptz(self._clock.now_ns())})

    def delete_of(self, user_ids: Sequence[int]) -> None:
        """Remove every code of these people."""
        with self._database.transaction() as connection:
            connection.execute(text(_DELETE_OF), {"ids": list(user_ids)})

    def _valid_at_now(self, digest: bytes) -> dict[str, object]:
        return {"hash": digest, "now": timestamptz(self._clock.now_ns())}


_ISSUE = """
INSERT INTO heartguard_core.password_resets (code_hash, user_id, created_at, expires_at, by_admin)
VALUES (:hash, :user_id, :now, :until, :by_admin)
"""
_FIND = """
SELECT user_id, by_admin FROM heartguard_core.password_resets
WHERE code_hash = :hash AND used_at IS NULL AND expires_at > :now
"""
_SPEND = """
UPDATE heartguard_core.password_resets SET used_at = :now
WHERE code_hash = :hash AND used_at IS NULL AND expires_at > :now
RETURNING user_id
"""
_PURGE = "DELETE FROM heartguard_core.password_resets WHERE expires_at < :now OR used_at < :now"
_DELETE_OF = "DELETE FROM heartguard_core.password_resets WHERE user_id = ANY(:ids)"
