"""What counts failed login attempts, and where locks are stored."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.login_attempts.domain import Attempt, AttemptOutcome, AttemptSubjects, LoginLock


class LoginAttempts(Protocol):
    """Counts failed attempts per account and address, per account, and per address."""

    def subjects(self, email: str, address: str) -> AttemptSubjects:
        """What attempts at that account from that address are counted against."""

    def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt, or return how long to wait."""

    def end(self, attempt: Attempt, outcome: AttemptOutcome) -> Sequence[LoginLock]:
        """Record the outcome of a counted attempt.

        Only failures stay counted; a success removes the failures of the account from that address. Returns the locks
        that a failure has begun.
        """

    def clear(self, email: str) -> None:
        """Remove the failures of an account from all addresses. Raises GEN_503 where that can't be done."""


class LoginLocks(Protocol):
    """The locks that failures have begun; they outlast the counters."""

    def until(self, subjects: AttemptSubjects) -> int:
        """When the last lock of that account or address ends, in nanoseconds since 1970; 0 without one."""

    def begin(self, locks: Sequence[LoginLock]) -> None:
        """Store locks that have begun."""

    def end(self, account: str) -> None:
        """End the locks of an account, those of single addresses too."""
