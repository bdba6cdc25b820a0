"""Members of an organization: change of role and state, their sessions, export and erasure."""

from collections.abc import Iterator, Sequence

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.api_keys.usecases.memberships import MemberKeys
from heartguard_auth.errors import ACTOR_CHANGED, LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.invitations.ports import Invitations
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.passwords.ports import Resets
from heartguard_auth.sessions.domain import Session
from heartguard_auth.sessions.ports import Sessions
from heartguard_auth.sessions.usecases.revocation import SessionRevocation
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError
from heartguard_common.http.exports import Record
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import MembershipChange


class MemberUseCases:
    """Changes of a member, their sessions, export and erasure."""

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        sessions: Sessions,
        revocation: SessionRevocation,
        invitations: Invitations,
        resets: Resets,
        outbox: Outbox,
        keys: MemberKeys,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._sessions = sessions
        self._revocation = revocation
        self._invitations = invitations
        self._resets = resets
        self._outbox = outbox
        self._keys = keys

    def change(self, principal: Principal, change: MembershipChange) -> int:
        """Give a member the role and state that the user service has decided; returns how many sessions that ended.

        Tokens name the role, so all of the member's sessions end. Raises AUTH_032 when the actor's role or state is no
        longer what their token says, AUTH_031 when the member has changed since the user service read them, AUTH_030
        when no admin would be left in the organization.
        """
        user_id, role, active = change["user_id"], change["role"], change["active"]
        with self._keys.revocation.transaction() as end_keys, self._revocation.transaction() as end:
            # Takes the advisory locks, which come before row locks everywhere. The actor is checked below.
            self._common.authority.admits(change["org_id"], user_id)
            status = self._accounts.membership_status(change["org_id"], user_id)
            if status is None or (status.role, status.active) != (
                change["seen_role"],
                change["seen_active"],
            ):
                raise ServiceError(MEMBER_CHANGED)
            self._require_actor(change)
            if status.would_leave_no_admin(role, active=active):
                raise ServiceError(LAST_ADMIN)
            self._accounts.set_role(user_id, role, active=active)
            sessions = self._sessions.open_of([user_id])
            end(sessions, "membership")
            self._keys.changed(change["org_id"], user_id, end_keys)
            payload = {"role": role, "active": active}
            org_id = change["org_id"]
            self._common.audit.changed(principal, "auth.membership", f"user:{user_id}", org_id=org_id, payload=payload)
        return len(sessions)

    def list_sessions(self, principal: Principal, user_id: int) -> Sequence[Session]:
        """The open sessions of a member of the caller's organization, last used first.

        Sessions that the person has in other organizations are not among them. Raises GEN_404.
        """
        return self._sessions.list_open(self._member(principal, user_id).id)

    def end_sessions(self, principal: Principal, user_id: int) -> int:
        """End all sessions that `list_sessions` returns; returns how many. Raises GEN_404."""
        member = self._member(principal, user_id)
        with self._revocation.transaction() as end:
            self._common.authority.require_actor(principal, others=[member.id])
            ended = self._sessions.open_of([member.id])
            end(ended, "ended by an admin")
            payload = {"ended": len(ended)}
            self._common.audit.changed(principal, "auth.sessions_ended", f"user:{member.id}", payload=payload)
        return len(ended)

    def end_session(self, principal: Principal, user_id: int, session_id: str) -> None:
        """End one of the sessions that `list_sessions` returns. Raises GEN_404 for any other."""
        member = self._member(principal, user_id)
        with self._revocation.transaction() as end:
            self._common.authority.require_actor(principal, others=[member.id])
            if session_id not in self._sessions.open_of([member.id]):
                raise ServiceError(NOT_FOUND)
            end([session_id], "ended by an admin")
            payload = {"user_id": member.id}
            self._common.audit.changed(principal, "auth.session_ended", f"session:{session_id}", payload=payload)

    def _member(self, principal: Principal, user_id: int) -> Account:
        account = self._accounts.by_id(user_id)
        if account is None or account.org_id != principal.org_id:
            raise ServiceError(NOT_FOUND)
        return account

    def _mark_deleted(self, principal: Principal, org_id: int, user_id: int) -> None:
        """Mark a member as deleted, and end their sessions and API keys. Raises AUTH_030."""
        with self._keys.revocation.transaction() as end_keys, self._revocation.transaction() as end:
            status = self._accounts.membership_status(org_id, user_id)
            if status is None:
                return
            if status.would_leave_no_admin(status.role, active=False):
                raise ServiceError(LAST_ADMIN)
            self._accounts.mark_deleted(user_id)
            end(self._sessions.open_of([user_id]), "erasure")
            self._keys.left(principal, org_id, user_id, status.role, end_keys)

    def _require_actor(self, change: MembershipChange) -> None:
        """Raises AUTH_032 where the actor has changed. The rows of all admins are locked already, ordered by id."""
        actor = Principal(
            kind="person",
            role=change["actor_role"],
            user_id=change["actor_id"],
            org_id=change["org_id"],
            token_id=change.get("actor_token"),
            session_id=change.get("actor_session"),
        )
        try:
            self._common.authority.require_actor(actor, lock=False)
        except ServiceError as error:
            if error.error_code is INVALID_TOKEN:
                raise ServiceError(ACTOR_CHANGED) from error
            raise

    def export(self, org_id: int, user_id: int) -> Iterator[Record]:
        """What auth stores of a member, without password hash, digests and codes: account, sessions and API keys."""
        account = self._accounts.by_id(user_id)
        if account is None or account.org_id != org_id:
            return
        yield "account", {name: getattr(account, name) for name in ("id", "email", "role", "active", "created_at")}
        for session in self._sessions.all_of(user_id):
            times = ("created_at", "last_used_at", "expires_at")
            values = {name: getattr(session, name) for name in ("id", "ended", "address", "user_agent")}
            yield "session", values | {name: rfc3339(getattr(session, name)) for name in times}
        yield from self._keys.export(org_id, user_id)

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Anonymize a member or all members of an organization and end their sessions; returns how many members.

        A member is marked as deleted first; the organization service has marked an organization before it asks. After
        that nothing more is stored of them. An identity ends with its last membership; while it has others, its
        password, and what other organizations have sent to its address, stay. Raises AUTH_030 when an organization
        would keep members but no admin.
        """
        if user_id is not None:
            self._mark_deleted(principal, org_id, user_id)
        self._common.authority.wait_for_writers(org_id, user_id)
        with self._keys.revocation.transaction() as end_keys, self._revocation.transaction() as end:
            invited = self._invitations.delete_of(org_id, user_id)
            people, gone = self._accounts.erase(org_id, user_id)
            self._invitations.delete_for(gone)
            self._outbox.delete_for(invited + gone)
            self._resets.delete_of(people)
            end(self._sessions.open_of(people), "erasure")
            self._sessions.delete_of(people)
            self._keys.ended(principal, org_id, user_id, end_keys)
            for person in people:
                self._common.audit.changed(principal, "auth.erased", f"user:{person}", org_id=org_id)
        return len(people)
