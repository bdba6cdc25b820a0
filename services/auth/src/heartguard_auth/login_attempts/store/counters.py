"""Failed login attempts, counted in Redis for all workers, and in this process while Redis is unavailable.

Redis holds neither e-mails nor addresses, only keyed hashes of them.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from heartguard_auth.login_attempts.domain import Attempt, AttemptOutcome, AttemptSubjects, LoginLock
from heartguard_auth.login_attempts.store.local_counters import LocalLoginAttempts
from heartguard_auth.login_attempts.store.subjects import (
    LIMITS,
    UNDER_WAY_MS,
    SubjectHashes,
    counter_keys,
    locks_until,
    now_ms,
)
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

HERE = Path(__file__).resolve()
# After an error Redis is not asked again for this long, so that one that hangs does not delay each step by a time-out.
RETRY_SECONDS = 1.0


class RedisLoginAttempts:
    """Counters that all workers share, each step one atomic script; without Redis `LocalLoginAttempts` counts."""

    def __init__(
        self, redis: RedisClient, secret: str, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._hashes = SubjectHashes(secret)
        self._clock = clock
        self._monotonic = monotonic
        self._begin = redis.register_script(HERE.with_name("begin_attempt.lua").read_text(encoding="utf-8"))
        self._end = redis.register_script(HERE.with_name("end_attempt.lua").read_text(encoding="utf-8"))
        self._local = LocalLoginAttempts(secret, clock)
        self._unavailable_until = -math.inf

    def subjects(self, email: str, address: str) -> AttemptSubjects:
        """What attempts at that account from that address are counted against."""
        return self._hashes.subjects(email, address)

    def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt, or return how long to wait."""
        if self._monotonic() < self._unavailable_until:
            return self._local.begin(email, address)
        account, client = self._hashes.account(email), self._hashes.address(address)
        attempt = uuid7(self._clock)
        arguments: list[str | int] = [now_ms(self._clock), attempt, client, UNDER_WAY_MS, *_NUMBERS]
        try:
            wait_ms, busy = self._begin(keys=counter_keys(account, client), args=arguments)
        except REDIS_ERRORS:
            self._pause()
            return self._local.begin(email, address)
        return Attempt(attempt, account, client, wait_seconds=math.ceil(int(wait_ms) / 1000), busy=bool(busy))

    def end(self, attempt: Attempt, outcome: AttemptOutcome) -> Sequence[LoginLock]:
        """Record the outcome of an attempt; returns the locks that a failure has begun."""
        if attempt.local:
            return self._local.end(attempt, outcome)
        member, now = f"{attempt.address}:{attempt.id}", now_ms(self._clock)
        arguments: list[str | int] = [member, outcome, attempt.address, now, UNDER_WAY_MS, *_NUMBERS]
        try:
            until_ms = self._end(keys=counter_keys(attempt.account, attempt.address), args=arguments)
        except REDIS_ERRORS:
            self._pause()
            return ()
        return locks_until(attempt, until_ms)

    def clear(self, email: str) -> None:
        """Remove the failures of an account from all addresses. Raises GEN_503 when Redis is unavailable."""
        self._local.clear(email)
        try:
            self._redis.delete(counter_keys(self._hashes.account(email), "")[0])
        except REDIS_ERRORS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def _pause(self) -> None:
        self._unavailable_until = self._monotonic() + RETRY_SECONDS


_NUMBERS = [
    number for limit in LIMITS for number in (limit.failures, limit.window_seconds * 1000, limit.lock_seconds * 1000)
]
