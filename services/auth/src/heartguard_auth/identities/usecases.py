"""The memberships of the caller's identity, and its deletion."""

from collections.abc import Sequence

from heartguard_auth.accounts.domain import Account, Membership
from heartguard_auth.accounts.ports import Accounts, Identities
from heartguard_auth.api_keys.usecases.memberships import MemberKeys
from heartguard_auth.api_keys.usecases.versions import EndVersions
from heartguard_auth.errors import LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.identities.ports import DeletionJobs
from heartguard_auth.sessions.ports import Sessions
from heartguard_auth.sessions.usecases.identity_sessions import person
from heartguard_auth.sessions.usecases.revocation import EndSessions, SessionRevocation
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.engine import Job

DELETION = "user.delete"
"""The kind of the user service's jobs, which delete a person in one organization."""


class IdentityUseCases:
    """What a person does with all of their memberships."""

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        identities: Identities,
        sessions: Sessions,
        revocation: SessionRevocation,
        keys: MemberKeys,
        jobs: DeletionJobs,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._identities = identities
        self._sessions = sessions
        self._revocation = revocation
        self._keys = keys
        self._jobs = jobs

    def memberships(self, principal: Principal) -> tuple[Account, Sequence[Membership]]:
        """The caller's account, and all memberships of its identity by number. Raises GEN_401_TOKEN."""
        account = self._own(principal)
        return account, self._identities.memberships(account)

    def delete(self, principal: Principal) -> list[Job]:
        """Mark all memberships of the caller's identity as deleted, and have the user service delete their data.

        Their sessions and API keys end at once. All of them or none: raises AUTH_030, with an organization in each
        violation, where the person is the last admin of one that has other members, AUTH_031 when a membership was
        added or ended at the same time, and GEN_401_TOKEN.
        """
        account = self._own(principal)
        # Advisory locks come before row locks, and memberships before identities, each in one order everywhere.
        leaving = sorted(self._identities.memberships(account), key=lambda it: it.org_id)
        with self._keys.revocation.transaction() as end_keys, self._revocation.transaction() as end:
            for it in leaving:
                self._common.authority.admits(it.org_id, it.user_id)
            self._common.authority.require_actor(principal, lock=False, closed=True)
            self._require_other_admins(leaving)
            unchanged = self._identities.lock(account) and self._identities.user_ids(account) == sorted(
                it.user_id for it in leaving
            )
            if not unchanged:
                raise ServiceError(MEMBER_CHANGED)
            return [self._leave(it, end, end_keys) for it in leaving]

    def _require_other_admins(self, leaving: Sequence[Membership]) -> None:
        """Lock the memberships and the admins of their organizations. Raises AUTH_030."""
        refused = []
        for it in leaving:
            status = self._accounts.membership_status(it.org_id, it.user_id)
            if status is not None and status.would_leave_no_admin(status.role, active=False):
                refused.append(Violation(f"/organizations/{it.org_id}", "has other members and no other active admin"))
        if refused:
            raise ServiceError(LAST_ADMIN, details=tuple(refused))

    def _leave(self, membership: Membership, end: EndSessions, end_keys: EndVersions) -> Job:
        org_id, user_id, actor = membership.org_id, membership.user_id, person(membership)
        self._accounts.mark_deleted(user_id)
        end(self._sessions.open_of([user_id]), "erasure")
        self._keys.left(actor, org_id, user_id, membership.role, end_keys)
        due = self._common.clock.now_ns()
        job, _ = self._jobs.request(Job(uuid7(self._common.clock), DELETION, org_id, actor.actor, due, user_id))
        self._common.audit.changed(actor, "auth.membership_ended", f"user:{user_id}", payload={"job": job.id})
        return job

    def _own(self, principal: Principal) -> Account:
        account = self._accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account
