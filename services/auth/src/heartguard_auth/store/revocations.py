"""What is revoked: the truth in PostgreSQL, the copy that gateway and services read in Redis."""

import logging
import threading
from collections.abc import Sequence

from redis.client import Pipeline
from sqlalchemy import text

from heartguard_auth.store.sessions import moment, nanoseconds
from heartguard_common.clock import NANOSECONDS, Clock
from heartguard_common.database import Database
from heartguard_common.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity import Principal
from heartguard_common.ids import uuid7
from heartguard_common.revocation import READY, Verdict, judge, key, keys
from heartguard_common.store_redis import REDIS_FAULTS, RedisClient

RETRY_SECONDS = 0.2
MEMORY = "hg:rev:memory"  # written once; gone when Redis has lost its memory
_log = logging.getLogger("heartguard.auth")


class Revocations:
    """The table `revoked_tokens`, and its copy."""

    def __init__(self, database: Database, redis: RedisClient, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock
        self._stopped = threading.Event()
        self._late: threading.Thread | None = None
        self._missed = False
        self._lock = threading.Lock()

    def start(self) -> "Revocations":
        """Copy the truth in a thread: a process that ended before this one may have left something out.

        Returns itself.
        """
        self._heal_later()
        return self

    def add(self, kind: str, values: Sequence[str], reason: str, expires_at: int) -> None:
        """Revoke tokens (`jti`), sessions (`sid`) or keys (`kid`) until `expires_at`, in nanoseconds."""
        if not values:
            return
        rows = [
            {
                "kind": kind,
                "value": value,
                "reason": reason,
                "at": moment(self._clock.now_ns()),
                "until": moment(expires_at),
            }
            for value in values
        ]
        with self._database.transaction() as connection:
            connection.execute(text(_ADD), rows)

    def publish(self, kind: str, values: Sequence[str], expires_at: int) -> None:
        """Bring a committed revocation to the copy, now or as soon as the copy is back."""
        if not values:
            return
        try:
            self._copy([(kind, value, expires_at) for value in values])
        except REDIS_FAULTS:
            self._heal_later()

    def purge(self) -> None:
        """Remove what would have expired by itself."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"now": moment(self._clock.now_ns())})

    def holds(self, principal: Principal) -> bool:
        """Whether the truth says that this token, its session or its key is revoked, or its person gone."""
        values = {"jti": principal.token_id, "sid": principal.session_id, "kid": principal.key_id}
        with self._database.transaction() as connection:
            return bool(connection.execute(text(_HOLDS), {**values, "user_id": principal.user_id}).scalar_one())

    def heal(self) -> None:
        """Fill the copy again where it has lost its memory."""
        try:
            if self._redis.exists(READY):
                return
        except REDIS_FAULTS:
            return
        self.copy_all()

    def require_active(self, principal: Principal, _: str) -> None:
        """The edge's question, answered by the copy or else by the truth. Raises GEN_402 when revoked."""
        try:
            verdict = judge(self._redis.mget(keys(principal)))
        except REDIS_FAULTS:
            verdict = Verdict.UNKNOWN
        if verdict is Verdict.UNKNOWN:
            self.heal()
            verdict = Verdict.REVOKED if self.holds(principal) else Verdict.ACTIVE
        if verdict is Verdict.REVOKED:
            raise ServiceError(INVALID_TOKEN)

    def close(self) -> None:
        """End the thread that waits for Redis."""
        self._stopped.set()

    def copy_all(self) -> bool:
        """Bring the whole truth to the copy; False while Redis does not take it.

        All in one step, and only if Redis has kept its memory since before the truth was read: what was revoked and
        copied in between, and then lost, would be missing under a mark that says nothing is.
        """
        try:
            self._redis.set(MEMORY, uuid7(self._clock), nx=True)
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.watch(MEMORY)  # type: ignore[no-untyped-call]
                if not pipeline.exists(MEMORY):
                    return False
                marks = self._truth()
                pipeline.multi()
                self._put(pipeline, marks)
                pipeline.set(READY, "1")
                pipeline.execute()
        except REDIS_FAULTS:
            return False
        return True

    def _truth(self) -> list[tuple[str, str, int]]:
        with self._database.transaction() as connection:
            rows = connection.execute(text(_ALL), {"now": moment(self._clock.now_ns())}).all()
        return [(row.kind, row.value, nanoseconds(row.expires_at)) for row in rows]

    def _copy(self, marks: Sequence[tuple[str, str, int]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        self._put(pipeline, marks)
        pipeline.execute()

    def _put(self, pipeline: Pipeline, marks: Sequence[tuple[str, str, int]]) -> None:
        for kind, value, expires_at in marks:
            left = max(1, (expires_at - self._clock.now_ns()) // NANOSECONDS + 1)
            pipeline.set(key(kind, value), "1", ex=left)

    def _heal_later(self) -> None:
        """Redis missed a revocation but may come back with its memory: copy again until it takes it."""
        with self._lock:
            self._missed = True
            if self._late is None:
                self._late = threading.Thread(target=self._retry, daemon=True)
                self._late.start()

    def _retry(self) -> None:
        while not self._stopped.wait(RETRY_SECONDS):
            with self._lock:
                self._missed = False  # what Redis misses from here on may not be in the truth that is read now
            try:
                copied = self.copy_all()
            except ServiceError:
                _log.warning("revocations wait for PostgreSQL to be copied to Redis")
                continue
            except Exception:  # noqa: BLE001  whatever it is, the thread must live to try again: no other is started
                _log.exception("revocations could not be copied to Redis")
                continue
            with self._lock:
                if copied and not self._missed:
                    self._late = None
                    return


_ADD = """
INSERT INTO heartguard_core.revoked_tokens (kind, value, reason, revoked_at, expires_at)
VALUES (:kind, :value, :reason, :at, :until)
ON CONFLICT (kind, value) DO UPDATE SET expires_at = greatest(revoked_tokens.expires_at, excluded.expires_at)
"""
_PURGE = "DELETE FROM heartguard_core.revoked_tokens WHERE expires_at < :now"
_HOLDS = """
SELECT EXISTS (
    SELECT FROM heartguard_core.revoked_tokens
    WHERE (kind, value) IN (('jti', :jti), ('sid', :sid), ('kid', :kid))
) OR NOT EXISTS (
    SELECT FROM heartguard_core.users WHERE id = :user_id AND active AND deleted_at IS NULL
)
"""
_ALL = "SELECT kind, value, expires_at FROM heartguard_core.revoked_tokens WHERE expires_at > :now"
