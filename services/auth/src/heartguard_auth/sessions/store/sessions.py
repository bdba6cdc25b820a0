"""Sessions and refresh tokens in PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.store.accounts import UNCHANGED, as_read
from heartguard_auth.sessions.domain import REPLAY_SECONDS, RefreshToken, Session
from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_common.audit.events import AuditEvent, encode
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.stores.database import Database, text

PURGED = 1000


class PostgresSessions:
    """The tables `sessions` and `refresh_tokens`."""

    def __init__(self, database: Database, clock: Clock, *, unused_seconds: int) -> None:
        """`unused_seconds` is how long an unused session may still be continued."""
        self._database = database
        self._clock = clock
        self._unused_ns = unused_seconds * NANOSECONDS

    def open(self, account: Account, session: Session, token: RefreshToken, event: AuditEvent) -> bool:
        """Store a session, its first refresh token and the event; False when the account has changed since it was read.

        Password, role and state are locked until the commit. One statement instead of a transaction of four: a login
        waits for each round trip, and after the hash of the password these cost most.
        """
        values = {
            "id": session.id,
            **as_read(account),
            "created_at": timestamptz(session.created_at),
            "expires_at": timestamptz(session.expires_at),
            "address": session.address,
            "user_agent": session.user_agent,
            **_values(token),
            "event": encode(event).decode("ascii"),
        }
        return self._database.one(_OPEN, values) is not None

    def find(self, digest: bytes) -> tuple[RefreshToken, Session] | None:
        """A refresh token and its session, both locked until the transaction ends."""
        return self._pair("t.token_hash = :value FOR UPDATE", digest)

    def open_session(self, session_id: str) -> Session | None:
        """A session that has not ended, locked until the transaction ends."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_OPEN_ONE), {"id": session_id}).one_or_none()
            return _session(row) if row else None

    def by_access_token(self, token_id: str) -> tuple[RefreshToken, Session] | None:
        """The refresh token that was issued with an access token."""
        return self._pair("t.access_token_id = :value", token_id)

    def replace(self, old: bytes, new: RefreshToken) -> None:
        """Mark a token as used and store its successor."""
        values = {"old": old, **_values(new)}
        with self._database.transaction() as connection:
            connection.execute(_ADD_ALONE, values)
            connection.execute(text(_USE), values)
            connection.execute(text(_TOUCH), values)

    def token(self, digest: bytes) -> RefreshToken | None:
        """A refresh token by its digest."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_BY_DIGEST), {"value": digest}).one_or_none()
            return _token(row) if row else None

    def end(self, session_ids: Sequence[str], at: int) -> None:
        """End sessions."""
        with self._database.transaction() as connection:
            connection.execute(text(_END), {"ids": list(session_ids), "at": timestamptz(at)})

    def count_open(self, user_id: int) -> int:
        """How many sessions of a person could still be used."""
        return int(self._database.one(_COUNT_OPEN, {"user_id": user_id, **self.bounds()}).number)

    def surplus(self, user_id: int, most: int) -> list[str]:
        """The ids of a person's open sessions except the `most` that were used last."""
        values = {"user_id": user_id, "most": most, **self.bounds()}
        with self._database.transaction() as connection:
            return [str(row.id) for row in connection.execute(text(_SURPLUS), values)]

    def list_open(self, user_id: int) -> list[Session]:
        """The sessions of a person that could still be used, last used first; at most 1,000."""
        with self._database.transaction() as connection:
            return [_session(row) for row in connection.execute(text(_LIST), {"user_id": user_id, **self.bounds()})]

    def open_of(self, user_ids: Sequence[int]) -> list[str]:
        """The ids of the sessions of these people that could still be used."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_OPEN_OF), {"ids": list(user_ids), **self.bounds()})
            return [str(row.id) for row in rows]

    def all_of(self, user_id: int) -> list[Session]:
        """Every stored session of a person, ended ones too, the oldest first."""
        with self._database.transaction() as connection:
            return [_session(row) for row in connection.execute(text(_ALL_OF), {"user_id": user_id})]

    def delete_of(self, user_ids: Sequence[int]) -> None:
        """Remove the sessions of these people, with addresses and devices."""
        with self._database.transaction() as connection:
            for statement in _DELETE_OF:
                connection.execute(text(statement), {"ids": list(user_ids)})

    def purge(self) -> int:
        """Remove some ended and expired sessions with their tokens; returns how many, up to `PURGED`."""
        with self._database.transaction() as connection:
            ids = [row.id for row in connection.execute(text(_SPENT), {**self.bounds(), "limit": PURGED})]
            for statement in _REMOVE if ids else ():
                connection.execute(text(statement), {"ids": ids})
        return len(ids)

    def purge_tokens(self) -> int:
        """Remove some refresh tokens that were exchanged and are not needed any more; returns how many, up to `PURGED`.

        A token stays while its access token is valid and while its exchange may be repeated. One that does not name its
        session stays until it expires, because a replay of it would not be recognized without its row.
        """
        now = self._clock.now_ns()
        values = {
            "now": timestamptz(now),
            "replayable": timestamptz(now - 2 * REPLAY_SECONDS * NANOSECONDS),
            "limit": PURGED,
        }
        with self._database.transaction() as connection:
            return connection.execute(text(_PURGE_TOKENS), values).rowcount

    def bounds(self) -> dict[str, object]:
        """The parameters of the conditions that say which sessions could still be used."""
        now = self._clock.now_ns()
        return {"now": timestamptz(now), "since": timestamptz(now - self._unused_ns)}

    def _pair(self, condition: str, value: object) -> tuple[RefreshToken, Session] | None:
        with self._database.transaction() as connection:
            row = connection.execute(text(f"{_PAIR} {condition}"), {"value": value}).one_or_none()
        return (_token(row), _session(row)) if row else None


def _values(token: RefreshToken) -> dict[str, object]:
    return {
        "token_hash": token.digest,
        "session_id": token.session_id,
        "token_created_at": timestamptz(token.created_at),
        "token_expires_at": timestamptz(token.expires_at),
        "access_token_id": token.access_token_id,
        "access_expires_at": timestamptz(token.access_expires_at),
        "access_key_id": token.access_key_id,
        "signed": token.signed,
    }


def _session(row: Any) -> Session:
    return Session(
        id=str(row.session_id),
        user_id=row.user_id,
        created_at=nanoseconds(row.session_created_at),
        expires_at=nanoseconds(row.session_expires_at),
        last_used_at=nanoseconds(row.last_used_at),
        ended=row.ended_at is not None,
        address=row.address,
        user_agent=row.user_agent,
    )


def _token(row: Any) -> RefreshToken:
    return RefreshToken(
        digest=bytes(row.token_hash),
        session_id=str(row.session_id),
        created_at=nanoseconds(row.created_at),
        expires_at=nanoseconds(row.expires_at),
        access_token_id=row.access_token_id,
        access_expires_at=nanoseconds(row.access_expires_at),
        access_key_id=row.access_key_id,
        used_at=nanoseconds(row.used_at) if row.used_at else None,
        replaced_by=bytes(row.replaced_by) if row.replaced_by else None,
        signed=row.signed,
    )


_ADD = """
INSERT INTO heartguard_core.refresh_tokens
    (token_hash, session_id, created_at, expires_at, access_token_id, access_expires_at, access_key_id, signed)
"""
_FIRST = """
    :token_hash, cast(:session_id AS uuid), cast(:token_created_at AS timestamptz),
    cast(:token_expires_at AS timestamptz), :access_token_id, cast(:access_expires_at AS timestamptz), :access_key_id,
    cast(:signed AS boolean)
"""
# One statement: it is a login's only write, and each round trip costs more than the work.
_OPEN = text(f"""
WITH unchanged AS ({UNCHANGED}),
begun AS (
    INSERT INTO heartguard_core.sessions (id, user_id, created_at, last_used_at, expires_at, address, user_agent)
    SELECT cast(:id AS uuid), unchanged.id, cast(:created_at AS timestamptz), cast(:created_at AS timestamptz),
        cast(:expires_at AS timestamptz), :address, :user_agent
    FROM unchanged
    RETURNING id
),
event AS (INSERT INTO heartguard_core.audit_outbox (event) SELECT cast(:event AS text) FROM begun)
{_ADD} SELECT {_FIRST} FROM begun RETURNING session_id
""")  # noqa: S608  no value is in the text
_ADD_ALONE = text(f"{_ADD} SELECT {_FIRST}")
_USE = """
UPDATE heartguard_core.refresh_tokens SET used_at = :token_created_at, replaced_by = :token_hash
WHERE token_hash = :old
"""
_TOUCH = "UPDATE heartguard_core.sessions SET last_used_at = :token_created_at WHERE id = :session_id"
_BY_DIGEST = "SELECT * FROM heartguard_core.refresh_tokens WHERE token_hash = :value"
_END = "UPDATE heartguard_core.sessions SET ended_at = :at WHERE id = ANY(cast(:ids AS uuid[])) AND ended_at IS NULL"
# The last access token of a session may outlive it, by less than a session may go unused.
_OPEN_OF = """
SELECT id FROM heartguard_core.sessions
WHERE user_id = ANY(:ids) AND ended_at IS NULL AND least(expires_at, last_used_at) > :since ORDER BY id
"""
_COUNT_OPEN = text("""
SELECT count(*) AS number FROM heartguard_core.sessions
WHERE user_id = :user_id AND ended_at IS NULL AND least(expires_at, last_used_at) > :since
""")
_SURPLUS = """
SELECT id FROM heartguard_core.sessions
WHERE user_id = :user_id AND ended_at IS NULL AND least(expires_at, last_used_at) > :since
ORDER BY last_used_at DESC, id DESC OFFSET :most LIMIT 1000
"""
_DELETE_OF = (
    """
    DELETE FROM heartguard_core.refresh_tokens WHERE session_id IN (
        SELECT id FROM heartguard_core.sessions WHERE user_id = ANY(:ids))
    """,
    "DELETE FROM heartguard_core.sessions WHERE user_id = ANY(:ids)",
)
_SPENT = """
SELECT id FROM heartguard_core.sessions WHERE least(expires_at, last_used_at) < :since
ORDER BY least(expires_at, last_used_at) LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_REMOVE = (
    "DELETE FROM heartguard_core.refresh_tokens WHERE session_id = ANY(:ids)",
    "DELETE FROM heartguard_core.sessions WHERE id = ANY(:ids)",
)
_SESSION = """
s.id AS session_id, s.user_id, s.created_at AS session_created_at, s.expires_at AS session_expires_at,
s.last_used_at, s.ended_at, s.address, s.user_agent
"""
_PAIR = f"""
SELECT t.*, {_SESSION}
FROM heartguard_core.refresh_tokens t JOIN heartguard_core.sessions s ON s.id = t.session_id
WHERE
"""  # noqa: S608  no value is in the text
_OPEN_ONE = f"""
SELECT {_SESSION} FROM heartguard_core.sessions s WHERE s.id = cast(:id AS uuid) AND s.ended_at IS NULL FOR UPDATE
"""  # noqa: S608
_PURGE_TOKENS = """
DELETE FROM heartguard_core.refresh_tokens WHERE token_hash = ANY (ARRAY (
    SELECT token_hash FROM heartguard_core.refresh_tokens
    WHERE used_at < :replayable AND access_expires_at < :now AND (signed OR expires_at < :now)
    ORDER BY access_expires_at LIMIT :limit FOR UPDATE SKIP LOCKED))
"""
_ALL_OF = f"SELECT {_SESSION} FROM heartguard_core.sessions s WHERE s.user_id = :user_id ORDER BY s.id"  # noqa: S608
_LIST = f"""
SELECT {_SESSION} FROM heartguard_core.sessions s
WHERE s.user_id = :user_id AND s.ended_at IS NULL AND s.expires_at > :now AND s.last_used_at > :since
ORDER BY s.last_used_at DESC, s.id DESC LIMIT 1000
"""  # noqa: S608
