"""What every use case of auth is made of: the rules that were set, and the way outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heartguard_auth.domain import Account
from heartguard_auth.ports import (
    Accounts,
    GraceAnswers,
    Guesses,
    Hasher,
    Invitations,
    Locks,
    Outbox,
    RefreshTokens,
    Resets,
    RevocationList,
    Sessions,
    Signer,
    Transactions,
)
from heartguard_common.audit import AuditTrail
from heartguard_common.authority import Authority
from heartguard_common.clock import Clock
from heartguard_common.identity import TokenVerifier
from heartguard_common.limits import Limits


@dataclass(frozen=True)
class Rules:
    """The settings that decide: life times in seconds, who may register, what is in a token and in a letter."""

    access_seconds: int
    refresh_seconds: int
    registration: str
    issuer: str
    audience: str
    common_passwords: frozenset[str]
    letters: Mapping[str, str]
    allowed_origins: tuple[str, ...] = ()
    pseudonym: Callable[[str], str] = str
    """What stands for the address of a client where it is counted: all of an IPv6 /64 is one."""


@dataclass(frozen=True)
class Stores:
    """Everything the use cases reach outside for."""

    transactions: Transactions
    accounts: Accounts
    sessions: Sessions
    revocations: RevocationList
    grace: GraceAnswers
    signer: Signer
    hasher: Hasher
    verifier: TokenVerifier
    guesses: Guesses
    locks: Locks
    refresh_tokens: RefreshTokens
    outbox: Outbox
    resets: Resets
    invitations: Invitations
    limits: Limits
    authority: Authority
    audit: AuditTrail
    clock: Clock

    def denied(self, action: str, account: Account | None, reason: str) -> None:
        """Write down that somebody without a token was turned away; `account` is whose it was about, if anybody's."""
        self.audit.changed(
            None,
            action,
            f"user:{account.id}" if account else "user:unknown",
            org_id=account.org_id if account else None,
            outcome="denied",
            reason=reason,
        )
