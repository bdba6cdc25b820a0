"""Who tried a password how often: in Redis, and in this process while Redis is unavailable.

Neither e-mails nor addresses stand in Redis, only keyed hashes of them.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from heartguard_auth.domain import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    PAIR_LIMIT,
    Attempt,
    AttemptOutcome,
    GuessLimit,
    Lock,
    Subjects,
    email_key,
)
from heartguard_auth.store.sealing import keyed_hash
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.http.network import bucket_address
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

HERE = Path(__file__).resolve()
LIMITS = (PAIR_LIMIT, ACCOUNT_LIMIT, ADDRESS_LIMIT)
# An attempt whose process died counts as a failure after so long.
UNDER_WAY_MS = 10_000
# After an error Redis is not asked again for this long: a hung one must not cost a time-out at each step.
REST_SECONDS = 1.0
MOST_SUBJECTS = 20_000


_Try: TypeAlias = "tuple[int, str, str, bool]"  # time in ms, address, attempt, whether it is under way


class _Names:
    """The hashes that stand for accounts and addresses; all of an IPv6 /64 is one address."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def account(self, email: str) -> str:
        return keyed_hash("guess account", self._secret, email_key(email))[:32]

    def address(self, address: str) -> str:
        return keyed_hash("guess address", self._secret, bucket_address(address))[:32]

    def subjects(self, email: str, address: str) -> Subjects:
        return Subjects(self.account(email), self.address(address))


class RedisGuesses:
    """Counters that all workers share, each step one atomic script; without Redis `LocalGuesses` counts."""

    def __init__(
        self, redis: RedisClient, secret: str, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._names = _Names(secret)
        self._clock = clock
        self._monotonic = monotonic
        self._begin = redis.register_script(HERE.with_name("guess.lua").read_text(encoding="utf-8"))
        self._end = redis.register_script(HERE.with_name("guess_end.lua").read_text(encoding="utf-8"))
        self._local = LocalGuesses(secret, clock)
        self._away_until = -math.inf

    def subjects(self, email: str, address: str) -> Subjects:
        """Whom attempts on that account from that address are counted against."""
        return self._names.subjects(email, address)

    def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt, or say how long to wait."""
        if self._monotonic() < self._away_until:
            return self._local.begin(email, address)
        account, client = self._names.account(email), self._names.address(address)
        attempt = uuid7(self._clock)
        arguments: list[str | int] = [_now_ms(self._clock), attempt, client, UNDER_WAY_MS, *_NUMBERS]
        try:
            wait_ms, busy = self._begin(keys=_keys(account, client), args=arguments)
        except REDIS_ERRORS:
            self._rest()
            return self._local.begin(email, address)
        return Attempt(attempt, account, client, wait_seconds=math.ceil(int(wait_ms) / 1000), busy=bool(busy))

    def end(self, attempt: Attempt, how: AttemptOutcome) -> Sequence[Lock]:
        """Say how an attempt ended; returns the locks that a failure has begun."""
        if attempt.local:
            return self._local.end(attempt, how)
        member, now = f"{attempt.address}:{attempt.id}", _now_ms(self._clock)
        arguments: list[str | int] = [member, how, attempt.address, now, UNDER_WAY_MS, *_NUMBERS]
        try:
            until_ms = self._end(keys=_keys(attempt.account, attempt.address), args=arguments)
        except REDIS_ERRORS:
            self._rest()
            return ()
        return _locks(attempt, until_ms)

    def clear(self, email: str) -> None:
        """Forget the failures of an account at all addresses. Raises GEN_503 when Redis is unavailable."""
        self._local.clear(email)
        try:
            self._redis.delete(_keys(self._names.account(email), "")[0])
        except REDIS_ERRORS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def _rest(self) -> None:
        self._away_until = self._monotonic() + REST_SECONDS


class LocalGuesses:
    """The same rules in one process, for at most 20,000 subjects, the newest."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._names = _Names(secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: dict[str, list[_Try]] = {}  # by subject, oldest first

    def subjects(self, email: str, address: str) -> Subjects:
        """Whom attempts on that account from that address are counted against."""
        return self._names.subjects(email, address)

    def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt, or say how long to wait."""
        account, client = self._names.account(email), self._names.address(address)
        attempt, now = uuid7(self._clock), _now_ms(self._clock)
        of_account, of_address = _keys(account, client)
        with self._lock:
            verdicts = (
                self._judge(of_account, client, PAIR_LIMIT, now),
                self._judge(of_account, None, ACCOUNT_LIMIT, now),
                self._judge(of_address, None, ADDRESS_LIMIT, now),
            )
            locks = [(wait, busy) for wait, busy in verdicts if wait > 0]
            if not locks:
                for key in (of_account, of_address):
                    self._tries.setdefault(key, []).append((now, client, attempt, True))
                while len(self._tries) > MOST_SUBJECTS:
                    del self._tries[next(iter(self._tries))]
        wait = max((wait for wait, _ in locks), default=0)
        busy = bool(locks) and all(busy for _, busy in locks)
        return Attempt(attempt, account, client, math.ceil(wait / 1000), busy=busy, local=True)

    def end(self, attempt: Attempt, how: AttemptOutcome) -> Sequence[Lock]:
        """Say how an attempt ended; returns the locks that a failure has begun."""
        of_account, of_address = _keys(attempt.account, attempt.address)
        with self._lock:
            for key in (of_account, of_address):
                kept: list[_Try] = []
                for at, address, name, under_way in self._tries.get(key, ()):
                    if name == attempt.id and how == "failed":
                        kept.append((at, address, name, False))
                    elif name != attempt.id and not (
                        how == "succeeded" and key == of_account and address == attempt.address and not under_way
                    ):
                        kept.append((at, address, name, under_way))
                self._tries[key] = kept
            if how != "failed":
                return ()
            until_ms = (
                self._locked_until(of_account, attempt.address, PAIR_LIMIT),
                self._locked_until(of_account, None, ACCOUNT_LIMIT),
                self._locked_until(of_address, None, ADDRESS_LIMIT),
            )
        return _locks(attempt, until_ms)

    def clear(self, email: str) -> None:
        """Forget the failures of an account at all addresses."""
        with self._lock:
            self._tries.pop(_keys(self._names.account(email), "")[0], None)

    def _locked_until(self, key: str, address: str | None, limit: GuessLimit) -> int:
        """The ms since 1970 until which failures that have ended lock; 0 where they don't."""
        now = _now_ms(self._clock)
        times = [
            at
            for at, who, _, under_way in self._tries[key]
            if address in (None, who) and not (under_way and now - at < UNDER_WAY_MS)
        ]
        newest = times[-limit.failures :]
        if len(newest) < limit.failures or newest[-1] - newest[0] > limit.window_seconds * 1000:
            return 0
        return newest[-1] + limit.lock_seconds * 1000

    def _judge(self, key: str, address: str | None, limit: GuessLimit, now: int) -> tuple[int, bool]:
        """How many ms a lock still lasts, and whether attempts under way are among its reasons."""
        longest = max(one.window_seconds + one.lock_seconds for one in LIMITS) * 1000
        known = [one for one in self._tries.get(key, []) if one[0] > now - longest]
        if known:
            self._tries[key] = known
        newest = [one for one in known if address in (None, one[1])][-limit.failures :]
        if len(newest) < limit.failures or newest[-1][0] - newest[0][0] > limit.window_seconds * 1000:
            return 0, False
        busy = any(under_way and now - at < UNDER_WAY_MS for at, _, _, under_way in newest)
        return max(0, newest[-1][0] + limit.lock_seconds * 1000 - now), busy


def _keys(account: str, address: str) -> list[str]:
    return [f"hg:guess:account:{account}", f"hg:guess:address:{address}"]


def _locks(attempt: Attempt, until_ms: Sequence[int]) -> Sequence[Lock]:
    """The locks of a pair, its account and its address that last until these times, 0 for none."""
    whose = ((attempt.account, attempt.address), (attempt.account, ""), ("", attempt.address))
    found = zip(whose, until_ms, strict=True)
    return [Lock(account, address, int(ms) * 1_000_000) for (account, address), ms in found if ms]


def _now_ms(clock: Clock) -> int:
    return clock.now_ns() // 1_000_000


_NUMBERS = [
    number for limit in LIMITS for number in (limit.failures, limit.window_seconds * 1000, limit.lock_seconds * 1000)
]
