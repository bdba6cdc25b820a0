"""The dependencies of auth's use cases: rules from the settings, and the opened ports."""

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
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.limits import Limits
from heartguard_common.identity.authentication import TokenVerifier
from heartguard_common.identity.authority import Authority


@dataclass(frozen=True)
class Rules:
    """The settings that decide: life times in seconds, who may register, what is in a token and in an e-mail."""

    access_seconds: int
    refresh_seconds: int
    registration: str
    issuer: str
    audience: str
    common_passwords: frozenset[str]
    email_templates: Mapping[str, str]
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
        """Record the refusal of a caller without a token; `account` is the account it was about, if there is one."""
        self.audit.changed(
            None,
            action,
            f"user:{account.id}" if account else "user:unknown",
            org_id=account.org_id if account else None,
            outcome="denied",
            reason=reason,
        )
