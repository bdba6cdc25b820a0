"""What the use cases of all subjects get: rules from the settings, transactions, the audit trail, limits and time."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.limits import Limits
from heartguard_common.identity.authority import Authority


class Transactions(Protocol):
    """Transactions that span all stores in PostgreSQL."""

    def transaction(self) -> AbstractContextManager[object]:
        """A transaction: everything inside is committed together or not at all."""


@dataclass(frozen=True)
class Rules:
    """What the settings decide: lifetimes in seconds, who may register, what is in a token and in an e-mail.

    `demo` says whether there are tokens for visitors of the demo. `email_confirmation` is `optional`, `memberships` or
    `login`: what needs a confirmed address. `pseudonym` returns what stands for a client's address where it is counted;
    an IPv6 /64 counts as one address.
    """

    access_seconds: int
    refresh_seconds: int
    registration: str
    issuer: str
    audience: str
    common_passwords: frozenset[str]
    email_templates: Mapping[str, str]
    email_confirmation: str = "optional"
    allowed_origins: tuple[str, ...] = ()
    pseudonym: Callable[[str], str] = str
    demo: bool = False


@dataclass(frozen=True)
class CommonPorts:
    """The ports that most use cases need."""

    transactions: Transactions
    authority: Authority
    limits: Limits
    audit: AuditTrail
    clock: Clock
