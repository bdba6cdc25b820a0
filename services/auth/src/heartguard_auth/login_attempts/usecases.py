"""Limits login attempts: too many failures lock an account or an address, whether or not the account exists."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.errors import BAD_CREDENTIALS, LOCKED, WRONG_PASSWORD
from heartguard_auth.login_attempts.domain import Attempt, AttemptOutcome, AttemptSubjects
from heartguard_auth.login_attempts.ports import LoginAttempts, LoginLocks
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.identity.authentication import Principal

FAILURES = (BAD_CREDENTIALS, WRONG_PASSWORD)
LONGEST_WAIT_SECONDS = 1.0
POLL_SECONDS = 0.02


class LoginLimiter:
    """Surrounds every check of a password."""

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        attempts: LoginAttempts,
        locks: LoginLocks,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._attempts = attempts
        self._locks = locks
        self._pause = pause

    def subjects(self, email: str, address: str) -> AttemptSubjects:
        """What attempts at that account from that address are counted against."""
        return self._attempts.subjects(email, address)

    def locked_until(self, email: str, address: str) -> int:
        """When the last lock of that account or address ends, in nanoseconds since 1970; 0 without one."""
        return self._locks.until(self._attempts.subjects(email, address))

    @contextmanager
    def attempt(self, email: str, address: str, locked_until: int) -> Iterator[None]:
        """Try a password inside; AUTH_001 and AUTH_010 count as failures. Raises AUTH_009 instead, while locked.

        `locked_until` is what `LoginLocks.until` returns for them. The attempt is counted before the password is
        checked, so that parallel attempts can't exceed the limit.
        """
        left = locked_until - self._common.clock.now_ns()
        if left > 0:
            raise _locked(-(-left // NANOSECONDS))
        attempt = self._begin(email, address)
        try:
            yield
        except ServiceError as error:
            self._end(attempt, "failed" if error.error_code in FAILURES else "cancelled")
            raise
        except BaseException:
            self._attempts.end(attempt, "cancelled")
            raise
        self._attempts.end(attempt, "succeeded")

    def clear_failures(self, email: str) -> None:
        """Remove failures and locks of an account with a new password, if the stores are available."""
        with suppress(ServiceError):
            self.clear(email)

    def end_lock(self, principal: Principal, user_id: int) -> None:
        """Let a locked-out member try again.

        Raises GEN_404 for a person of another organization, GEN_429_LIMIT when that was done often today: the lock
        protects a password that may be for other organizations too.
        """
        account = self._accounts.by_id(user_id)
        if account is None or account.org_id != principal.org_id:
            raise ServiceError(NOT_FOUND)
        with self._common.transactions.transaction():
            self._common.authority.require_actor(principal)
            self._common.limits.take(account.org_id, "lock_endings_per_member_per_day", str(account.id))
            self.clear(account.email)
            self._common.audit.changed(principal, "auth.lock_ended", f"user:{account.id}")

    def _end(self, attempt: Attempt, outcome: AttemptOutcome) -> None:
        locks = self._attempts.end(attempt, outcome)
        if locks:
            with suppress(ServiceError):  # PostgreSQL is unavailable: the counters lock too, while they last
                self._locks.begin(locks)

    def clear(self, email: str) -> None:
        """Remove failures and locks of an account. Raises GEN_503 where a store is unavailable."""
        self._locks.end(self._attempts.subjects(email, "").account)
        self._attempts.clear(email)

    def _begin(self, email: str, address: str) -> Attempt:
        waited = 0.0
        while True:
            attempt = self._attempts.begin(email, address)
            if attempt.wait_seconds == 0:
                return attempt
            # Attempts under way are counted as failures until they end, and may succeed: wait for their end.
            if not attempt.busy or waited >= LONGEST_WAIT_SECONDS:
                raise _locked(attempt.wait_seconds)
            self._pause(POLL_SECONDS)
            waited += POLL_SECONDS


def _locked(seconds: int) -> ServiceError:
    return ServiceError(LOCKED, headers={"Retry-After": str(seconds)})
