"""What can be done with accounts and sessions, one class per subject, one method per verb."""

from dataclasses import dataclass
from typing import Self

from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_auth.usecases.guessing import Guard
from heartguard_auth.usecases.introspection import Introspection
from heartguard_auth.usecases.invitations import Invitations
from heartguard_auth.usecases.membership import Membership
from heartguard_auth.usecases.passwords import Passwords
from heartguard_auth.usecases.registration import Registration
from heartguard_auth.usecases.sessions import SessionUseCases

__all__ = ["AuthUseCases", "Rules", "Stores"]


@dataclass(frozen=True)
class AuthUseCases:
    """Everything auth can do, by subject."""

    registration: Registration
    sessions: SessionUseCases
    passwords: Passwords
    invitations: Invitations
    guard: Guard
    membership: Membership
    introspection: Introspection

    @classmethod
    def over(cls, rules: Rules, stores: Stores, permissions: dict[str, tuple[str, ...]]) -> Self:
        """All of them over the same stores; `permissions` are the route ids that each role may call."""
        guard = Guard(stores)
        return cls(
            registration=Registration(rules, stores),
            sessions=SessionUseCases(rules, stores, guard),
            passwords=Passwords(rules, stores, guard),
            guard=guard,
            invitations=Invitations(rules, stores),
            membership=Membership(rules, stores, permissions),
            introspection=Introspection(stores),
        )
