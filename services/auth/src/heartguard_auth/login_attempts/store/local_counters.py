"""Failed login attempts, counted in this process while Redis is unavailable."""

import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

from heartguard_auth.login_attempts.domain import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    PAIR_LIMIT,
    Attempt,
    AttemptLimit,
    AttemptOutcome,
    AttemptSubjects,
    LoginLock,
)
from heartguard_auth.login_attempts.store.subjects import (
    LIMITS,
    UNDER_WAY_MS,
    SubjectHashes,
    counter_keys,
    locks_until,
    now_ms,
)
from heartguard_common.core.clock import Clock
from heartguard_common.core.ids import uuid7

MOST_SUBJECTS = 20_000


class _Counted(NamedTuple):
    """A counted attempt: its time in ms, the hash of its address, its id, and whether it is under way."""

    at_ms: int
    address: str
    id: str
    under_way: bool


class LocalLoginAttempts:
    """The rules of `begin_attempt.lua` in one process, for the newest 20,000 subjects."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._hashes = SubjectHashes(secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[str, list[_Counted]] = {}  # by counter, oldest first

    def subjects(self, email: str, address: str) -> AttemptSubjects:
        """What attempts at that account from that address are counted against."""
        return self._hashes.subjects(email, address)

    def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt, or return how long to wait."""
        account, client = self._hashes.account(email), self._hashes.address(address)
        attempt, now = uuid7(self._clock), now_ms(self._clock)
        of_account, of_address = counter_keys(account, client)
        with self._lock:
            waits = (
                self._wait(of_account, client, PAIR_LIMIT, now),
                self._wait(of_account, None, ACCOUNT_LIMIT, now),
                self._wait(of_address, None, ADDRESS_LIMIT, now),
            )
            locks = [(wait, busy) for wait, busy in waits if wait > 0]
            if not locks:
                for key in (of_account, of_address):
                    self._counted.setdefault(key, []).append(_Counted(now, client, attempt, under_way=True))
                while len(self._counted) > MOST_SUBJECTS:
                    del self._counted[next(iter(self._counted))]
        wait = max((wait for wait, _ in locks), default=0)
        busy = bool(locks) and all(busy for _, busy in locks)
        return Attempt(attempt, account, client, math.ceil(wait / 1000), busy=busy, local=True)

    def end(self, attempt: Attempt, outcome: AttemptOutcome) -> Sequence[LoginLock]:
        """Record the outcome of an attempt; returns the locks that a failure has begun."""
        of_account, of_address = counter_keys(attempt.account, attempt.address)
        with self._lock:
            for key in (of_account, of_address):
                kept: list[_Counted] = []
                for at, address, name, under_way in self._counted.get(key, ()):
                    if name == attempt.id and outcome == "failed":
                        kept.append(_Counted(at, address, name, under_way=False))
                    elif name != attempt.id and not (
                        outcome == "succeeded" and key == of_account and address == attempt.address and not under_way
                    ):
                        kept.append(_Counted(at, address, name, under_way))
                self._counted[key] = kept
            if outcome != "failed":
                return ()
            until_ms = (
                self._locked_until(of_account, attempt.address, PAIR_LIMIT),
                self._locked_until(of_account, None, ACCOUNT_LIMIT),
                self._locked_until(of_address, None, ADDRESS_LIMIT),
            )
        return locks_until(attempt, until_ms)

    def clear(self, email: str) -> None:
        """Remove the failures of an account from all addresses."""
        with self._lock:
            self._counted.pop(counter_keys(self._hashes.account(email), "")[0], None)

    def _locked_until(self, key: str, address: str | None, limit: AttemptLimit) -> int:
        """When the lock ends that ended failures have begun, in ms since 1970; 0 without one."""
        now = now_ms(self._clock)
        times = [
            at
            for at, of, _, under_way in self._counted[key]
            if address in (None, of) and not (under_way and now - at < UNDER_WAY_MS)
        ]
        newest = times[-limit.failures :]
        if len(newest) < limit.failures or newest[-1] - newest[0] > limit.window_seconds * 1000:
            return 0
        return newest[-1] + limit.lock_seconds * 1000

    def _wait(self, key: str, address: str | None, limit: AttemptLimit, now: int) -> tuple[int, bool]:
        """The ms until a lock ends, 0 without one, and whether attempts under way are among its reasons."""
        longest = max(one.window_seconds + one.lock_seconds for one in LIMITS) * 1000
        known = [one for one in self._counted.get(key, []) if one.at_ms > now - longest]
        if known:
            self._counted[key] = known
        newest = [one for one in known if address in (None, one.address)][-limit.failures :]
        if len(newest) < limit.failures or newest[-1].at_ms - newest[0].at_ms > limit.window_seconds * 1000:
            return 0, False
        busy = any(under_way and now - at < UNDER_WAY_MS for at, _, _, under_way in newest)
        return max(0, newest[-1].at_ms + limit.lock_seconds * 1000 - now), busy
