"""Limits password guessing: too many failures lock out, whether or not there is such an account."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from heartguard_auth.domain import Attempt, AttemptOutcome
from heartguard_auth.errors import BAD_CREDENTIALS, LOCKED, WRONG_PASSWORD
from heartguard_auth.usecases.dependencies import Stores
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.identity.authentication import Principal

FAILURES = (BAD_CREDENTIALS, WRONG_PASSWORD)
PATIENCE_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.02


class Guard:
    """Stands before every place where a password is tried."""

    def __init__(self, stores: Stores, pause: Callable[[float], None] = time.sleep) -> None:
        self._s = stores
        self._pause = pause

    @contextmanager
    def attempt(self, email: str, address: str, locked_until: int) -> Iterator[None]:
        """Try a password inside; AUTH_001 and AUTH_010 count as failures. Raises AUTH_009 instead, while locked.

        `locked_until` is what `Locks.until` says of them. The attempt counts before the password is looked at, so
        that parallel ones can't outrun the counter.
        """
        left = locked_until - self._s.clock.now_ns()
        if left > 0:
            raise _locked(-(-left // NANOSECONDS))
        attempt = self._begin(email, address)
        try:
            yield
        except ServiceError as error:
            self._end(attempt, "failed" if error.error_code in FAILURES else "void")
            raise
        except BaseException:
            self._s.guesses.end(attempt, "void")
            raise
        self._s.guesses.end(attempt, "succeeded")

    def forget(self, email: str) -> None:
        """Forget the failures of an account whose password is a new one, if that can be done now."""
        with suppress(ServiceError):
            self._clear(email)

    def end_lock(self, principal: Principal, user_id: int) -> None:
        """Let a locked-out member try again. Raises GEN_404 for a person of another organization."""
        account = self._s.accounts.by_id(user_id)
        if account is None or account.org_id != principal.org_id:
            raise ServiceError(NOT_FOUND)
        with self._s.transactions.transaction():
            self._s.authority.require_actor(principal)
            self._clear(account.email)
            self._s.audit.changed(principal, "auth.lock_ended", f"user:{account.id}")

    def _end(self, attempt: Attempt, how: AttemptOutcome) -> None:
        locks = self._s.guesses.end(attempt, how)
        if locks:
            with suppress(ServiceError):  # PostgreSQL is unavailable: where the failures are counted they lock as well
                self._s.locks.begin(locks)

    def _clear(self, email: str) -> None:
        self._s.locks.end(self._s.guesses.subjects(email, "").account)
        self._s.guesses.clear(email)

    def _begin(self, email: str, address: str) -> Attempt:
        waited = 0.0
        while True:
            attempt = self._s.guesses.begin(email, address)
            if attempt.wait_seconds == 0:
                return attempt
            # What stands in the way may be attempts under way, which may well succeed: wait for their end.
            if not attempt.busy or waited >= PATIENCE_SECONDS:
                raise _locked(attempt.wait_seconds)
            self._pause(LOOK_AGAIN_SECONDS)
            waited += LOOK_AGAIN_SECONDS


def _locked(seconds: int) -> ServiceError:
    return ServiceError(LOCKED, headers={"Retry-After": str(seconds)})
