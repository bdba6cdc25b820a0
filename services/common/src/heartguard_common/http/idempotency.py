"""Idempotency keys: the same key and body give the same answer and one effect, for 24 hours.

The answer is kept in the transaction of the effect, so that neither exists without the other.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import KEY_REUSED, ServiceError
from heartguard_common.core.limits import Limits
from heartguard_common.stores.database import Connection, Database, prepared, text

LIFETIME_NS = 24 * 3600 * NANOSECONDS
SWEEP_NS = 60 * NANOSECONDS
SWEPT = 1000


@dataclass(frozen=True)
class Recorded:
    """An answer as it left: status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes


def fingerprint(*parts: bytes) -> str:
    """The SHA-256 of a request's parts, joined by line feeds, in hexadecimal; makes no copy of them."""
    digest = hashlib.sha256()
    for place, part in enumerate(parts):
        digest.update(b"\n" if place else b"")
        digest.update(part)
    return digest.hexdigest()


class IdempotencyKeys:
    """The keys of one service, in PostgreSQL.

    `claim_first` commits a key before its request is carried out, for effects outside of PostgreSQL: a request that
    fails is dated by its first try when it is repeated, and so has the same effect.
    """

    def __init__(
        self, service: str, database: Database, clock: Clock, limits: Limits | None = None, *, claim_first: bool = False
    ) -> None:
        """Without `limits` any number of bytes is kept."""
        self._limits = limits
        self._service = service
        self._database = database
        self._clock = clock
        self._claim_first = claim_first
        self._swept_ns = 0

    def once(
        self,
        caller: str,
        route: str,
        key: str,
        request_hash: str,
        answer: Callable[[int], Recorded],
        org_id: int | None = None,
    ) -> Recorded:
        """The recorded answer of an earlier request with this key, or a new one; `request_hash` by `fingerprint`.

        `answer` is given the time when the key was claimed, in nanoseconds since the epoch. A second request that
        arrives while the first runs waits for it. Raises GEN_422_KEY when the key was used with another request.
        What is kept counts against the caller's limit in the organization `org_id`: raises `LimitError` where there is
        no room for it, and then nothing has happened.
        """
        scope = {
            "service": self._service,
            "caller": caller,
            "route": route,
            "key": key,
        }
        now = self._clock.now_ns()
        self._sweep(now)
        claim = {**scope, "before": now - LIFETIME_NS, "digest": request_hash, "now": now}
        if self._claim_first:
            with self._database.transaction() as connection:
                _claim(connection, claim)
        with self._database.transaction() as connection:
            claimed = now if _claim(connection, claim) else None
            if claimed is None:
                found = connection.execute(text(_FIND), scope).one()
                if found.request_hash != request_hash:
                    raise ServiceError(KEY_REUSED)
                if found.status is not None:
                    return Recorded(found.status, dict(found.headers), bytes(found.body))
                claimed = found.created_ns
            made = answer(claimed)
            if self._limits is not None and org_id is not None:
                self._limits.take(org_id, "kept_answer_bytes_per_member_per_day", caller, len(made.body))
            connection.execute(
                _KEEP,
                {**scope, "status": made.status, "headers": json.dumps(made.headers), "body": made.body},
            )
            return made

    def _sweep(self, now: int) -> None:
        """Remove expired keys, once a minute: a kept answer may be large.

        At most `SWEPT` at a time, because a request waits for it.
        """
        if 0 <= now - self._swept_ns < SWEEP_NS:
            return
        with self._database.transaction() as connection:
            values = {"service": self._service, "before": now - LIFETIME_NS, "most": SWEPT}
            more = connection.execute(text(_SWEEP), values).rowcount == SWEPT
        # Where more are left, the next request goes on with them: otherwise they could become more every minute.
        self._swept_ns = now - SWEEP_NS if more else now


def _claim(connection: Connection, claim: Mapping[str, object]) -> bool:
    """Whether the key was free or expired, and is this request's now."""
    if connection.execute(_CLAIM, claim).rowcount == 1:
        return True
    expired = connection.execute(_FORGET, claim).rowcount == 1
    return expired and connection.execute(_CLAIM, claim).rowcount == 1


_SWEEP = """
DELETE FROM heartguard_core.idempotency_keys WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM heartguard_core.idempotency_keys
    WHERE service = :service AND created_ns < :before LIMIT :most FOR UPDATE SKIP LOCKED))
"""
_SCOPE = "service = :service AND caller = :caller AND route = :route AND key = :key"
_TYPES = {"service": "text", "caller": "text", "route": "text", "key": "text"}
_CLAIM = prepared(
    """
    INSERT INTO heartguard_core.idempotency_keys (service, caller, route, key, request_hash, created_ns)
    VALUES (:service, :caller, :route, :key, :digest, :now)
    ON CONFLICT DO NOTHING
    """,
    **_TYPES,
    digest="text",
    now="bigint",
)
_FORGET = text(f"DELETE FROM heartguard_core.idempotency_keys WHERE {_SCOPE} AND created_ns < :before")  # noqa: S608
_FIND = f"""
SELECT request_hash, status, headers, body, created_ns FROM heartguard_core.idempotency_keys WHERE {_SCOPE} FOR UPDATE
"""  # noqa: S608
_KEEP = prepared(
    f"""
    UPDATE heartguard_core.idempotency_keys SET status = :status, headers = :headers, body = :body WHERE {_SCOPE}
    """,  # noqa: S608
    **_TYPES,
    status="integer",
    headers="jsonb",
    body="bytea",
)
