"""Codes that confirm addresses, in PostgreSQL."""

from heartguard_auth.accounts.domain import Account
from heartguard_auth.shared.store.timestamps import timestamptz
from heartguard_common.core.clock import Clock
from heartguard_common.stores.database import Database, text


class PostgresConfirmations:
    """The table `email_confirmations`, and the column `confirmed_at` of `identities`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def issue(self, account: Account, digest: bytes, expires_at: int) -> None:
        """Store a code for the identity of an account, valid until `expires_at` (ns); it replaces the former."""
        values = {"identity_id": account.identity_id, "hash": digest, "until": timestamptz(expires_at)}
        with self._database.transaction() as connection:
            connection.execute(_ISSUE, values)

    def spend(self, digest: bytes) -> list[int]:
        """Use a valid code up; returns the numbers of the memberships whose address is confirmed from now on."""
        values = {"hash": digest, "now": timestamptz(self._clock.now_ns())}
        with self._database.transaction() as connection:
            identity_id = connection.execute(_SPEND, values).scalar_one_or_none()
            if identity_id is None:
                return []
            connection.execute(_CONFIRM, {**values, "identity_id": identity_id})
            return list(connection.execute(_MEMBERS, {"identity_id": identity_id}).scalars())

    def purge(self) -> None:
        """Remove expired codes."""
        with self._database.transaction() as connection:
            connection.execute(_PURGE, {"now": timestamptz(self._clock.now_ns())})


_ISSUE = text("""
INSERT INTO heartguard_core.email_confirmations (identity_id, code_hash, expires_at)
VALUES (:identity_id, :hash, :until)
ON CONFLICT (identity_id) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at
""")
_SPEND = text("""
DELETE FROM heartguard_core.email_confirmations WHERE code_hash = :hash AND expires_at > :now RETURNING identity_id
""")
_CONFIRM = text("""
UPDATE heartguard_core.identities SET confirmed_at = coalesce(confirmed_at, :now) WHERE id = :identity_id
""")
_MEMBERS = text("""
SELECT id FROM heartguard_core.users WHERE identity_id = :identity_id AND deleted_at IS NULL ORDER BY id
""")
_PURGE = text("DELETE FROM heartguard_core.email_confirmations WHERE expires_at <= :now")
