"""Accounts that exist: what they are, what they may do, and their end."""

from collections.abc import Iterator

from heartguard_auth.domain import RANKS, Account
from heartguard_auth.errors import ACTOR_CHANGED, LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_auth.usecases.session_revocation import revoking_sessions
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.http.exports import Record
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import MembershipChange, RoleEntryDocument


class Membership:
    """Profile, roles, changes of a member, and erasure."""

    def __init__(self, rules: Rules, stores: Stores, permissions: dict[str, tuple[str, ...]]) -> None:
        self._rules = rules
        self._s = stores
        self._permissions = permissions

    def profile(self, principal: Principal) -> Account:
        """The caller's own account. Raises GEN_401_TOKEN when it is gone."""
        account = self._s.accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def roles(self) -> list[RoleEntryDocument]:
        """The roles, strongest first, with the ids of the routes each may call."""
        names = sorted(RANKS, key=lambda name: -RANKS[name])
        return [{"name": name, "permissions": list(self._permissions[name])} for name in names]

    def change(self, principal: Principal, change: MembershipChange) -> int:
        """Carry out what the user service has decided about a member; returns how many sessions that ended.

        Tokens say the role, so none may outlive it. Raises AUTH_032 when the actor is not who their token said any
        more, AUTH_031 when the member is not as the user service saw them, AUTH_030 when no admin would be left in the
        organization.
        """
        user_id, role, active = change["user_id"], change["role"], change["active"]
        with revoking_sessions(self._rules, self._s) as end:
            # For its locks: they come before those of rows, here as everywhere. Who may is judged below.
            self._s.authority.admits(change["org_id"], user_id)
            membership_status = self._s.accounts.membership_status(change["org_id"], user_id)
            if membership_status is None or (membership_status.role, membership_status.active) != (
                change["seen_role"],
                change["seen_active"],
            ):
                raise ServiceError(MEMBER_CHANGED)
            self._require_actor(change)
            if membership_status.would_orphan(role, active=active):
                raise ServiceError(LAST_ADMIN)
            self._s.accounts.place(user_id, role, active=active)
            sessions = self._s.sessions.open_of([user_id])
            end(sessions, "membership")
            payload = {"role": role, "active": active}
            org_id = change["org_id"]
            self._s.audit.changed(principal, "auth.membership", f"user:{user_id}", org_id=org_id, payload=payload)
        return len(sessions)

    def _mark(self, org_id: int, user_id: int) -> None:
        """End a membership and its sessions. Raises AUTH_030."""
        with revoking_sessions(self._rules, self._s) as end:
            membership_status = self._s.accounts.membership_status(org_id, user_id)
            if membership_status is None:
                return
            if membership_status.would_orphan(membership_status.role, active=False):
                raise ServiceError(LAST_ADMIN)
            self._s.accounts.mark_deleted(user_id)
            end(self._s.sessions.open_of([user_id]), "erasure")

    def _require_actor(self, change: MembershipChange) -> None:
        """Raises AUTH_032. The rows of all admins are locked already, in the order of ids."""
        actor = Principal(
            kind="person",
            role=change["actor_role"],
            user_id=change["actor_id"],
            org_id=change["org_id"],
            token_id=change.get("actor_token"),
            session_id=change.get("actor_session"),
        )
        try:
            self._s.authority.require_actor(actor, lock=False)
        except ServiceError as error:
            if error.error_code is INVALID_TOKEN:
                raise ServiceError(ACTOR_CHANGED) from error
            raise

    def export(self, org_id: int, user_id: int) -> Iterator[Record]:
        """What auth keeps of a member, but for what only proves who they are: the account, and each session."""
        account = self._s.accounts.by_id(user_id)
        if account is None or account.org_id != org_id:
            return
        yield "account", {name: getattr(account, name) for name in ("id", "email", "role", "active", "created_at")}
        for session in self._s.sessions.all_of(user_id):
            times = ("created_at", "last_used_at", "expires_at")
            said = {name: getattr(session, name) for name in ("id", "ended", "address", "user_agent")}
            yield "session", said | {name: rfc3339(getattr(session, name)) for name in times}

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Anonymize a member or all members of an organization and end their sessions; returns how many.

        A member is marked as deleted first, an organization was by its service. From then on nothing of theirs is
        stored. Raises AUTH_030 when an organization would keep members but no admin.
        """
        if user_id is not None:
            self._mark(org_id, user_id)
        self._s.authority.wait_for_writers(org_id, user_id)
        with revoking_sessions(self._rules, self._s) as end:
            addresses = self._s.accounts.addresses(org_id, user_id)
            self._s.outbox.forget(addresses + self._s.invitations.forget(org_id, user_id))
            people = self._s.accounts.erase(org_id, user_id)
            self._s.resets.forget(people)
            end(self._s.sessions.open_of(people), "erasure")
            self._s.sessions.forget(people)
            for person in people:
                self._s.audit.changed(principal, "auth.erased", f"user:{person}", org_id=org_id)
        return len(people)
