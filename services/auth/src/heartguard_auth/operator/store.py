"""Accounts with the use of their sessions and the locks of their logins, in PostgreSQL."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from heartguard_auth.accounts.domain import email_key
from heartguard_auth.operator.domain import AccountFilter, AccountState
from heartguard_auth.sessions.store.sessions import PostgresSessions
from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_common.core.clock import Clock, from_datetime
from heartguard_common.stores.database import Database, text


class PostgresAccountStates:
    """The tables `users`, `sessions` and `login_locks`; `hashed` is what a lock has in the place of an address."""

    def __init__(
        self, database: Database, sessions: PostgresSessions, hashed: Callable[[str], str], clock: Clock
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._hashed = hashed
        self._clock = clock

    def page(self, wanted: AccountFilter, after_id: int, limit: int) -> Sequence[AccountState]:
        """Up to `limit` accounts with an id above `after_id`, by id."""
        return self._found(
            id=None,
            email_key=None if wanted.email is None else email_key(wanted.email),
            folded=None if wanted.text is None else wanted.text.casefold(),
            org_id=wanted.org_id,
            role=wanted.role,
            active=wanted.active,
            after_id=after_id,
            limit=limit,
        )

    def find(self, user_id: int) -> AccountState | None:
        """One account."""
        nothing = dict.fromkeys(("email_key", "folded", "org_id", "role", "active"))
        return next(iter(self._found(id=user_id, after_id=0, limit=1, **nothing)), None)

    def _found(self, **values: object) -> list[AccountState]:
        with self._database.transaction() as connection:
            rows = connection.execute(text(_FIND), {**values, **self._sessions.bounds()}).all()
            hashes = {row.id: self._hashed(row.email) for row in rows}  # the memberships of an identity have one
            locks = connection.execute(
                text(_LOCKS), {"accounts": list(set(hashes.values())), "now": timestamptz(self._clock.now_ns())}
            )
            until = {row.account: nanoseconds(row.until) for row in locks}
        return [replace(_account(row), login_locked_until=until.get(hashes[row.id], 0)) for row in rows]


def _account(row: Any) -> AccountState:
    return AccountState(
        id=row.id,
        org_id=row.org_id,
        email=row.email,
        full_name=row.full_name,
        role=row.role,
        active=row.active,
        created_at=from_datetime(row.created_at),
        open_sessions=row.open_sessions,
        last_used_at=nanoseconds(row.last_used_at) if row.last_used_at else 0,
    )


_FIND = """
SELECT u.id, u.org_id, u.email, u.full_name, u.role, u.active, u.created_at, used.open_sessions, used.last_used_at
FROM (
    SELECT * FROM heartguard_core.users
    WHERE deleted_at IS NULL AND id > cast(:after_id AS bigint)
        AND (cast(:id AS bigint) IS NULL OR id = cast(:id AS bigint))
        AND (cast(:email_key AS text) IS NULL OR email_key = :email_key)
        AND (cast(:org_id AS bigint) IS NULL OR org_id = cast(:org_id AS bigint))
        AND (cast(:role AS text) IS NULL OR role = :role)
        AND (cast(:active AS boolean) IS NULL OR active = :active)
        AND (cast(:folded AS text) IS NULL
            OR strpos(casefold(full_name COLLATE pg_unicode_fast), :folded) > 0
            OR strpos(casefold(email COLLATE pg_unicode_fast), :folded) > 0)
    ORDER BY id LIMIT :limit
) AS u CROSS JOIN LATERAL (
    SELECT count(*) AS open_sessions, max(s.last_used_at) AS last_used_at FROM heartguard_core.sessions s
    WHERE s.user_id = u.id AND s.ended_at IS NULL AND least(s.expires_at, s.last_used_at) > :since
) AS used
ORDER BY u.id
"""
_LOCKS = """
SELECT account, max(until) AS until FROM heartguard_core.login_locks
WHERE account = ANY(:accounts) AND until > :now GROUP BY account
"""
