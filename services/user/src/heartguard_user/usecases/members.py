"""Reading and changing the members of an organization."""

from collections.abc import Callable, Sequence

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.errors import FORBIDDEN, ServiceError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import UserAdminUpdate, UserUpdate
from heartguard_user.domain import Filter, User, changed_members, membership_difference
from heartguard_user.errors import NO_USER, UNSETTLED
from heartguard_user.ports import Memberships, Users

# How often a change is tried when concurrent ones come first.
ATTEMPTS = 5


class UserUseCases:
    """Reading and changing members. A user of another organization is answered like one who does not exist."""

    def __init__(
        self,
        users: Users,
        memberships: Memberships,
        authority: Authority,
        audit: AuditTrail,
        transaction: Transaction,
    ) -> None:
        self._users = users
        self._authority = authority
        self._memberships = memberships
        self._audit = audit
        self._transaction = transaction

    def read_self(self, principal: Principal) -> User:
        """The caller. Raises USER_001 when the account was deleted."""
        return self.read(principal, principal.user_id or 0)

    def read(self, principal: Principal, user_id: int) -> User:
        """A member of the caller's organization.

        Raises USER_001 for a user who is not in it, and GEN_403 where only an admin may read another member.
        """
        user = self._users.find(_organization(principal), user_id)
        if user is None:
            raise ServiceError(NO_USER)
        if principal.role != "admin" and user.id != principal.user_id:
            raise ServiceError(FORBIDDEN)
        return user

    def update_self(self, principal: Principal, changes: UserUpdate, check: Callable[[User], None]) -> User:
        """Change the caller's own name or preferences, after calling `check` with the current state.

        Raises USER_001 and what `check` raises.
        """

        def decide(current: User) -> User:
            check(current)
            return current.with_changes(changes)

        with self._transaction():
            self._authority.require_writer(principal)
            changed = self._users.change(_organization(principal), principal.user_id or 0, decide)
            if changed is None:
                raise ServiceError(NO_USER)
            before, after = changed
            members = changed_members(before, after)
            if members:
                payload = {"changed": ",".join(members)}
                self._audit.changed(principal, "user.update_self", f"user:{after.id}", payload=payload)
        return after

    def administer(
        self, principal: Principal, user_id: int, changes: UserAdminUpdate, check: Callable[[User], None]
    ) -> User:
        """Change the role or activity of a member of the caller's organization; a change ends their sessions.

        Raises USER_001, USER_002 for the last admin, USER_004 after `ATTEMPTS` concurrent changes, and what `check`
        raises.
        """
        for _ in range(ATTEMPTS):
            seen = self.read(principal, user_id)
            check(seen)
            wanted = seen.with_changes(changes)
            if wanted == seen:
                return seen
            if self._memberships.change(principal, seen, wanted):
                payload = membership_difference(seen, wanted)
                self._audit.changed(principal, "user.administer", f"user:{user_id}", payload=payload)
                return wanted
        raise ServiceError(UNSETTLED)

    def list(self, principal: Principal, wanted: Filter, after_id: int, limit: int) -> Sequence[User]:
        """Up to `limit` members of the caller's organization with an id above `after_id`, by id."""
        return self._users.list(_organization(principal), wanted, after_id, limit)

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Remove what this service stores of an organization's members, or of one; returns how many rows."""
        self._authority.wait_for_writers(org_id, user_id)
        with self._transaction():
            removed = self._users.erase(org_id, user_id)
            if removed:
                resource = f"organization:{org_id}" if user_id is None else f"user:{user_id}"
                self._audit.changed(principal, "user.erase", resource, org_id=org_id, payload={"removed": removed})
        return removed


def _organization(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(NO_USER)
    return principal.org_id
