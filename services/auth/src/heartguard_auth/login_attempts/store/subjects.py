"""The hashes that stand for accounts and addresses, and the names of their counters."""

from collections.abc import Sequence

from heartguard_auth.accounts.domain import email_key
from heartguard_auth.login_attempts.domain import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    PAIR_LIMIT,
    Attempt,
    AttemptSubjects,
    LoginLock,
)
from heartguard_auth.shared.store.text_encryption import keyed_hash
from heartguard_common.core.clock import Clock
from heartguard_common.core.network import bucket_address

LIMITS = (PAIR_LIMIT, ACCOUNT_LIMIT, ADDRESS_LIMIT)
# An attempt that has not ended after so many milliseconds, because its process died, counts as a failure.
UNDER_WAY_MS = 10_000
_ACCOUNT = "guess account"  # purposes of keyed hashes: others would make other hashes, and so lose counts and locks
_ADDRESS = "guess address"


class SubjectHashes:
    """Keyed hashes of accounts and addresses; all addresses of an IPv6 /64 have one."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def account(self, email: str) -> str:
        """The hash of an account, by its e-mail."""
        return keyed_hash(_ACCOUNT, self._secret, email_key(email))[:32]

    def address(self, address: str) -> str:
        """The hash of a client's address."""
        return keyed_hash(_ADDRESS, self._secret, bucket_address(address))[:32]

    def subjects(self, email: str, address: str) -> AttemptSubjects:
        """What attempts at that account from that address are counted against."""
        return AttemptSubjects(self.account(email), self.address(address))


def counter_keys(account: str, address: str) -> list[str]:
    """The names of the counters of an account and an address."""
    return [f"hg:guess:account:{account}", f"hg:guess:address:{address}"]


def locks_until(attempt: Attempt, until_ms: Sequence[int]) -> Sequence[LoginLock]:
    """The locks of pair, account and address that last until these times, in ms since 1970; 0 for no lock."""
    subjects = ((attempt.account, attempt.address), (attempt.account, ""), ("", attempt.address))
    found = zip(subjects, until_ms, strict=True)
    return [LoginLock(account, address, int(ms) * 1_000_000) for (account, address), ms in found if ms]


def now_ms(clock: Clock) -> int:
    """The time in milliseconds since 1970."""
    return clock.now_ns() // 1_000_000
