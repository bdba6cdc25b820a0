"""Deletion of persons: requested here, carried out by every service that stores data of them."""

from collections.abc import Callable

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import FORBIDDEN, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.engine import Job, JobRunner, Jobs
from heartguard_user.domain import AUTH_LAST_ADMIN
from heartguard_user.errors import LAST_ADMIN, NO_JOB, NO_USER
from heartguard_user.ports import Users

DELETION = "user.delete"
# The request itself carries out the first step; the background thread must not start before.
HEAD_START_NS = 2 * NANOSECONDS


class Deletions:
    """Deletions of persons, as jobs."""

    def __init__(
        self,
        users: Users,
        jobs: Jobs,
        runner: JobRunner,
        authority: Authority,
        audit: AuditTrail,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._users = users
        self._jobs = jobs
        self._runner = runner
        self._authority = authority
        self._audit = audit
        self._clock = clock
        self._wake = wake

    def request(self, principal: Principal, user_id: int) -> Job:
        """Request the deletion of a member; a second request returns the same job.

        The first step, which ends sessions and account, is tried at once. Raises USER_001, GEN_403 where only an
        admin may delete another member, and USER_002 for the last admin of an organization with other members.
        """
        org_id = principal.org_id or 0
        if self._users.find(org_id, user_id) is None:
            raise ServiceError(NO_USER)
        if principal.role != "admin" and user_id != principal.user_id:
            raise ServiceError(FORBIDDEN)
        if self._users.is_last_admin(org_id, user_id):
            raise ServiceError(LAST_ADMIN)
        due = self._clock.now_ns() + HEAD_START_NS
        wanted = Job(uuid7(self._clock), DELETION, org_id, principal.actor, due, user_id)
        with self._jobs.transaction():
            self._authority.require_actor(principal)
            job, new = self._jobs.request(wanted)
            if new:
                self._audit.changed(principal, "user.delete", f"user:{user_id}", payload={"job": job.id})
        job = self._runner.step(job.id) or job
        if job.error == f"auth: {AUTH_LAST_ADMIN}":  # another admin was deleted since the check above
            raise ServiceError(LAST_ADMIN)
        self._wake()
        return job

    def read(self, principal: Principal, job_id: str) -> Job:
        """A deletion in the caller's organization, or for the operator in any organization. Raises USER_003."""
        job = self._jobs.find(DELETION, job_id)
        if job is None or (principal.kind != "operator" and job.org_id != principal.org_id):
            raise ServiceError(NO_JOB)
        return job
