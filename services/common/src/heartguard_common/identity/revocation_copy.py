"""Keeps the copy of the revocations, and of the states of organizations, in Redis equal to the tables in PostgreSQL.

Every process with a database takes part, so that the copy is trusted as long as any of them reaches both stores, also
without auth. Each reads the ready mark once a second: if no other process has renewed it since, it compares the copy
with the table and renews the mark.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from redis.client import Pipeline

from heartguard_common.core.clock import NANOSECONDS, Clock, from_datetime, parse_rfc3339, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.identity import organization_state
from heartguard_common.identity.organization_state import CopiedState
from heartguard_common.identity.revocation import READY, ReadyMark, key
from heartguard_common.stores.database import Database, text
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

LOOK_SECONDS = 1.0
# For how many seconds the copy is trusted when no process can compare it with PostgreSQL.
TRUSTED_SECONDS = 5
# Revocations of this period are written again at each renewal. A state of Redis with a mark that has not expired is at
# most TRUSTED_SECONDS old, so it can only lack newer ones; the rest of the period is for slow commits and clocks that
# differ.
RECENT_SECONDS = 60
MEMORY = "hg:rev:memory"  # written once; missing after Redis has lost its data
_log = logging.getLogger("heartguard.revocations")

Revoked = tuple[str, str, int]
"""Kind, value, and the end of the token's validity in nanoseconds since 1970."""


@dataclass(frozen=True)
class _Truth:
    now_us: int
    not_before: int
    revoked: Sequence[Revoked]
    organizations: Sequence[CopiedState]


class RevocationCopy:
    """Compares the copy with PostgreSQL, adds what is missing, and renews the ready mark."""

    def __init__(self, database: Database, redis_client: RedisClient, clock: Clock) -> None:
        self._database = database
        self._redis = redis_client
        self._clock = clock
        self._newest = 0  # the newest epoch that this process has seen
        self._evicting = self._failing = False

    def step(self) -> float:
        """Read the mark, and renew it if no other process has; returns the seconds until the next call."""
        try:
            if not self._renewed_elsewhere():
                self.renew()
            self._failing = False
        except (ServiceError, *REDIS_ERRORS) as error:
            # Without PostgreSQL or Redis nothing can be compared: the mark expires, and readers ask auth.
            if not self._failing:
                _log.warning("the copy of the revocations can't be compared with PostgreSQL: %s", error)
            self._failing = True
        return LOOK_SECONDS

    def copy_all(self) -> bool:
        """Copy all revocations; False while Redis is unavailable. Raises GEN_503 without PostgreSQL."""
        try:
            return self.renew(whole=True)
        except REDIS_ERRORS:
            return False

    def publish(self, revoked: Sequence[Revoked]) -> bool:
        """Write committed revocations to the copy. Returns False when Redis refuses; the ready mark is then removed."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                self._put(pipeline, revoked, only_missing=False)
                pipeline.execute()
        except REDIS_ERRORS:
            self._distrust()
            return False
        return True

    def publish_state(self, org_id: int) -> None:
        """Write the committed state of an organization to the copy; without Redis, the copy is no longer trusted.

        A renewal that has read PostgreSQL before fails: it could write the former state.
        """
        try:
            with self._database.transaction() as connection:
                found = organization_state.states(connection.execute(text(_STATE_OF), {"org_id": org_id}).all())
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(MEMORY, uuid7(self._clock))
                for copied in found:
                    pipeline.set(organization_state.key(copied.org_id), copied.state.text())
                pipeline.execute()
        except REDIS_ERRORS:
            self._distrust()

    def renew(self, *, whole: bool = False) -> bool:
        """Write what is missing in the copy, and the mark with a new epoch; False when another process was faster.

        All revocations are written where the mark is missing or older than one seen before, and at the first call of
        this process. This is one Redis transaction, and it fails if Redis has lost its data since PostgreSQL was read:
        otherwise a revocation that was copied meanwhile, and then lost, would be missing although the mark exists.
        """
        self._redis.set(MEMORY, uuid7(self._clock), nx=True)
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.watch(MEMORY, READY)  # type: ignore[no-untyped-call]
            if not pipeline.exists(MEMORY) or self._evicts(pipeline):
                return False
            before, left_ms = ReadyMark.parse(pipeline.get(READY)), int(pipeline.pttl(READY))
            doubtful = before is None or left_ms < 0 or not 0 < self._newest <= before.epoch
            truth = self._truth(whole=whole or doubtful)
            epoch = max(truth.now_us, self._newest + 1, before.epoch + 1 if before else 0)
            pipeline.multi()
            self._put(pipeline, truth.revoked, only_missing=not (whole or doubtful))
            for copied in truth.organizations:
                pipeline.set(organization_state.key(copied.org_id), copied.state.text())
            pipeline.set(READY, ReadyMark(epoch, truth.not_before).text(), ex=TRUSTED_SECONDS)
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
        mark = ReadyMark.parse(value)
        if mark is None or left_ms < 0 or not 0 < self._newest < mark.epoch:
            return False
        self._newest = mark.epoch
        return True

    def _evicts(self, pipeline: Pipeline) -> bool:
        """Whether this Redis may evict a revocation when it is full; such a copy never gets a ready mark."""
        try:
            memory = pipeline.info("memory")
        except redis.ResponseError:  # the Redis user may not run INFO
            return False
        evicting = bool(memory.get("maxmemory")) and memory.get("maxmemory_policy", "noeviction") != "noeviction"
        if evicting and not self._evicting:
            _log.error("Redis evicts keys when it is full (maxmemory-policy): every token is checked by auth instead")
            self._redis.delete(READY)
        self._evicting = evicting
        return evicting

    def _distrust(self) -> None:
        """Remove the mark: a full Redis accepts no new key, but still deletes.

        MEMORY is removed too, so that a renewal that has already read PostgreSQL fails.
        """
        try:
            self._redis.delete(READY, MEMORY)
        except REDIS_ERRORS:
            _log.warning("a revocation did not reach Redis: it takes effect when another service has copied it")

    def _truth(self, *, whole: bool) -> _Truth:
        now = self._clock.now_ns()
        since = 0 if whole else now - RECENT_SECONDS * NANOSECONDS
        with self._database.transaction() as connection:
            state = connection.execute(text(_STATE)).one()
            rows = connection.execute(text(_REVOKED), {"now": rfc3339(now), "since": rfc3339(since)}).all()
            changed = connection.execute(text(_CHANGED_STATES), {"since": rfc3339(since)}).all()
        revoked = [(row.kind, row.value, parse_rfc3339(from_datetime(row.expires_at))) for row in rows]
        organizations = organization_state.states(changed)
        return _Truth(int(state.now_us), int(state.not_before), revoked, organizations)

    def _put(self, pipeline: Pipeline, revoked: Sequence[Revoked], *, only_missing: bool) -> None:
        for kind, value, expires_at in revoked:
            left = max(1, (expires_at - self._clock.now_ns()) // NANOSECONDS + 1)
            pipeline.set(key(kind, value), "1", ex=left, nx=only_missing)


# The time in a token has whole seconds only, so tokens of the second of a restore are refused too.
_STATE = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us,
    coalesce(floor(extract(epoch FROM max(restored_at)))::bigint + 1, 0) AS not_before
FROM heartguard_core.restores
"""
_REVOKED = """
SELECT kind, value, expires_at FROM heartguard_core.revoked_tokens
WHERE expires_at > cast(:now AS timestamptz) AND revoked_at >= cast(:since AS timestamptz)
"""
# One that never changed has no time, and needs no copy.
_CHANGED_STATES = f"{organization_state.READ} WHERE s.changed_at >= cast(:since AS timestamptz)"
_STATE_OF = f"{organization_state.READ} WHERE s.org_id = :org_id AND s.changed_at IS NOT NULL"
