"""Keeps the copy of the revocations in Redis equal to the truth in PostgreSQL.

Every process with a database takes part, so that the copy is trusted as long as any of them reaches both stores, and
does not depend on auth. Each looks at the mark once a second: where another one has renewed it since, there is nothing
to do; otherwise it compares and renews.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from redis.client import Pipeline
from sqlalchemy import text

from heartguard_common.core.clock import NANOSECONDS, Clock, from_datetime, parse_rfc3339, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.identity.revocation import READY, Mark, key
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

LOOK_SECONDS = 1.0
# How long the copy is trusted when nobody can compare it with the truth.
TRUSTED_SECONDS = 5
# What was revoked so recently is written again at each renewal. A state of Redis that shows a living mark is no older
# than BELIEVED_SECONDS, so it lacks nothing else; the rest is for a slow commit and for clocks that differ.
RECENT_SECONDS = 60
MEMORY = "hg:rev:memory"  # written once; gone when Redis has lost its memory
_log = logging.getLogger("heartguard.revocations")

Revoked = tuple[str, str, int]
"""Kind, value, and until when it matters, in nanoseconds since 1970."""


@dataclass(frozen=True)
class _Truth:
    now_us: int
    not_before: int
    revoked: Sequence[Revoked]


class RevocationCopy:
    """Compares, repairs and marks the copy."""

    def __init__(self, database: Database, redis_client: RedisClient, clock: Clock) -> None:
        self._database = database
        self._redis = redis_client
        self._clock = clock
        self._newest = 0  # the newest epoch that this process has seen
        self._evicting = self._failing = False

    def step(self) -> float:
        """Look once, and renew the mark if nobody else has; returns the seconds until the next look."""
        try:
            if not self._renewed_elsewhere():
                self.renew()
            self._failing = False
        except (ServiceError, *REDIS_ERRORS) as error:
            # Without PostgreSQL or Redis there is nothing to compare: the mark expires, and readers ask auth.
            if not self._failing:
                _log.warning("the copy of the revocations can't be compared with the truth: %s", error)
            self._failing = True
        return LOOK_SECONDS

    def copy_all(self) -> bool:
        """Bring the whole truth to the copy; False while Redis does not take it. Raises GEN_503 without PostgreSQL."""
        try:
            return self.renew(whole=True)
        except REDIS_ERRORS:
            return False

    def publish(self, revoked: Sequence[Revoked]) -> bool:
        """Write committed revocations to the copy. False when Redis refuses: the copy is no longer trusted then."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                self._put(pipeline, revoked, only_missing=False)
                pipeline.execute()
        except REDIS_ERRORS:
            self._distrust()
            return False
        return True

    def renew(self, *, whole: bool = False) -> bool:
        """Write what is missing in the copy, and the mark with a new epoch; False when another process was faster.

        The whole truth is written where the mark is missing, older than one seen before, or not seen before by this
        process. All happens in one step, and only into a Redis that has kept its memory since before the truth was
        read: what was revoked and copied in between, and then lost, would be missing under a mark that says
        nothing is.
        """
        self._redis.set(MEMORY, uuid7(self._clock), nx=True)
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.watch(MEMORY, READY)  # type: ignore[no-untyped-call]
            if not pipeline.exists(MEMORY) or self._evicts(pipeline):
                return False
            before, left_ms = Mark.parse(pipeline.get(READY)), int(pipeline.pttl(READY))
            doubtful = before is None or left_ms < 0 or not 0 < self._newest <= before.epoch
            truth = self._truth(whole=whole or doubtful)
            epoch = max(truth.now_us, self._newest + 1, before.epoch + 1 if before else 0)
            pipeline.multi()
            self._put(pipeline, truth.revoked, only_missing=not (whole or doubtful))
            pipeline.set(READY, Mark(epoch, truth.not_before).text(), ex=TRUSTED_SECONDS)
            try:
                pipeline.execute()
            except redis.WatchError:
                return False
        self._newest = epoch
        return True

    def _renewed_elsewhere(self) -> bool:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(READY)
            pipeline.pttl(READY)
            value, left_ms = pipeline.execute()
        mark = Mark.parse(value)
        if mark is None or left_ms < 0 or not 0 < self._newest < mark.epoch:
            return False
        self._newest = mark.epoch
        return True

    def _evicts(self, pipeline: Pipeline) -> bool:
        """Whether this Redis may drop a revocation to make room; such a copy is never marked."""
        try:
            memory = pipeline.info("memory")
        except redis.ResponseError:  # a user of Redis who may not ask
            return False
        evicting = bool(memory.get("maxmemory")) and memory.get("maxmemory_policy", "noeviction") != "noeviction"
        if evicting and not self._evicting:
            _log.error("Redis drops keys when it is full (maxmemory-policy): every token is asked for at auth instead")
            self._redis.delete(READY)
        self._evicting = evicting
        return evicting

    def _distrust(self) -> None:
        """Take the mark away: a Redis that is full takes no new key, but still deletes.

        MEMORY goes too, so that a copy that is being made at this moment from an older truth is given up.
        """
        try:
            self._redis.delete(READY, MEMORY)
        except REDIS_ERRORS:
            _log.warning("a revocation did not reach Redis: it counts when another service has copied it")

    def _truth(self, *, whole: bool) -> _Truth:
        now = self._clock.now_ns()
        since = 0 if whole else now - RECENT_SECONDS * NANOSECONDS
        with self._database.transaction() as connection:
            state = connection.execute(text(_STATE)).one()
            rows = connection.execute(text(_REVOKED), {"now": rfc3339(now), "since": rfc3339(since)}).all()
        revoked = [(row.kind, row.value, parse_rfc3339(from_datetime(row.expires_at))) for row in rows]
        return _Truth(int(state.now_us), int(state.not_before), revoked)

    def _put(self, pipeline: Pipeline, revoked: Sequence[Revoked], *, only_missing: bool) -> None:
        for kind, value, expires_at in revoked:
            left = max(1, (expires_at - self._clock.now_ns()) // NANOSECONDS + 1)
            pipeline.set(key(kind, value), "1", ex=left, nx=only_missing)


# A token says its second only, so those of the second of a restore are refused too.
_STATE = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us,
    coalesce(floor(extract(epoch FROM max(restored_at)))::bigint + 1, 0) AS not_before
FROM heartguard_core.restores
"""
_REVOKED = """
SELECT kind, value, expires_at FROM heartguard_core.revoked_tokens
WHERE expires_at > cast(:now AS timestamptz) AND revoked_at >= cast(:since AS timestamptz)
"""
