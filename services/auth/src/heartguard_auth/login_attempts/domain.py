"""How many failed login attempts are allowed, and the locks that they begin."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AttemptLimit:
    """`failures` within `window_seconds` lock for `lock_seconds`, counted from the last failure."""

    failures: int
    window_seconds: int
    lock_seconds: int


PAIR_LIMIT = AttemptLimit(failures=5, window_seconds=15 * 60, lock_seconds=30 * 60)
# One account from all addresses, and one address at all accounts: higher, because these locks hit bystanders too.
ACCOUNT_LIMIT = AttemptLimit(failures=50, window_seconds=3600, lock_seconds=15 * 60)
ADDRESS_LIMIT = AttemptLimit(failures=100, window_seconds=3600, lock_seconds=15 * 60)
AttemptOutcome = Literal["failed", "cancelled", "succeeded"]
"""How an attempt ended; `cancelled` when it ended without saying whether the password was right."""


@dataclass(frozen=True)
class AttemptSubjects:
    """What an attempt is counted against: keyed hashes of the account's e-mail and of the client's address."""

    account: str
    address: str


@dataclass(frozen=True)
class LoginLock:
    """No password may be tried until `until` (nanoseconds since 1970) at that account, from that address.

    `account` or `address` is empty where the lock is for all of them.
    """

    account: str
    address: str
    until: int


@dataclass(frozen=True)
class Attempt:
    """A password about to be tried, by hashes of account and address; counted, unless `wait_seconds` is above 0.

    `busy`: attempts under way are among the reasons to wait. `local`: counted in this process only.
    """

    id: str
    account: str
    address: str
    wait_seconds: int = 0
    busy: bool = False
    local: bool = False
