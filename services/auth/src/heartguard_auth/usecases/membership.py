"""Accounts that exist: what they are, what they may do, and their end."""

from typing import Any

from heartguard_auth.domain import RANKS, Account
from heartguard_auth.usecases.endings import ending_sessions
from heartguard_auth.usecases.parts import Rules, Stores
from heartguard_common.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity import Principal


class Membership:
    """Profile, roles and erasure."""

    def __init__(self, rules: Rules, stores: Stores, permissions: dict[str, tuple[str, ...]]) -> None:
        self._rules = rules
        self._s = stores
        self._permissions = permissions

    def profile(self, principal: Principal) -> Account:
        """The caller's own account. Raises GEN_402 when it is gone."""
        account = self._s.accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def roles(self) -> list[dict[str, Any]]:
        """The roles, strongest first, with the ids of the routes each may call."""
        names = sorted(RANKS, key=lambda name: -RANKS[name])
        return [{"name": name, "permissions": list(self._permissions[name])} for name in names]

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Anonymize a member or all members of an organization and end their sessions; returns how many."""
        with ending_sessions(self._rules, self._s) as end:
            people = self._s.accounts.erase(org_id, user_id)
            self._s.resets.forget(people)
            end(self._s.sessions.open_of(people), "erasure")
        for person in people:
            self._s.audit.changed(principal, "auth.erased", f"user:{person}", org_id=org_id)
        return len(people)
