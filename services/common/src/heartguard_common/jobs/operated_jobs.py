"""The jobs of a service as the operator sees them, and trying one again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from heartguard_common import messages
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.errors import CONFLICT, NOT_FOUND, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.engine import Job
from heartguard_common.messages.common import JobEntryDocument


@dataclass(frozen=True)
class JobEntry:
    """A job with its times, in nanoseconds since the epoch."""

    job: Job
    created_ns: int
    updated_ns: int

    def document(self) -> JobEntryDocument:
        """The item of a `JobList`."""
        job = self.job
        found: JobEntryDocument = {
            "id": job.id,
            "kind": job.kind,
            "org_id": job.org_id,
            "status": job.status,
            "progress": job.progress,
            "attempts": job.attempts,
            "requested_by": job.requested_by,
            "created_at": rfc3339(self.created_ns),
            "updated_at": rfc3339(self.updated_ns),
        }
        if job.user_id is not None:
            found["user_id"] = job.user_id
        if job.error is not None:
            found["error"] = job.error
        if job.open:
            found["next_attempt_at"] = rfc3339(job.due_ns)
        return found


class JobEntries(Protocol):
    """Where a service keeps its jobs."""

    def entries(self, kinds: Sequence[str], status: str | None, after: str | None, limit: int) -> Sequence[JobEntry]:
        """At most `limit` jobs of these kinds, the oldest first, behind the id `after`.

        Without `status`, all open and failed ones.
        """

    def find(self, kind: str, job_id: str) -> Job | None:
        """A job by its number."""

    def retry(self, job_id: str, now_ns: int) -> bool:
        """Have a job that has failed, or waits, tried from now on; False where it is done or another stands for it."""


@dataclass(frozen=True)
class JobKind:
    """A kind of jobs: the queue that their failures are recorded under, and what has the queue look at once."""

    queue: str
    wake: Callable[[], object]


@dataclass(frozen=True)
class OperatedJobs:
    """The jobs of one service, by kind."""

    service: str
    kinds: Mapping[str, JobKind]
    jobs: JobEntries
    dead_letters: DeadLetterStore
    audit: AuditTrail
    clock: Clock
    transaction: Callable[[], AbstractContextManager[object]]

    def page(self, status: str | None, after: str | None, limit: int) -> Sequence[JobEntry]:
        """At most `limit`, the oldest first, behind the id `after`; without `status`, all open and failed ones."""
        return self.jobs.entries(list(self.kinds), status, after, limit)

    def retry(self, principal: Principal, job_id: str) -> None:
        """Have a job tried again now, as if it had never failed.

        Raises GEN_404, and GEN_409 for a job that is done, or has failed and was requested again since.
        """
        with self.transaction():
            job = next((it for it in (self.jobs.find(kind, job_id) for kind in self.kinds) if it is not None), None)
            if job is None:
                raise ServiceError(NOT_FOUND)
            if not self.jobs.retry(job_id, self.clock.now_ns()):
                raise ServiceError(CONFLICT)
            kind = self.kinds[job.kind]
            self.dead_letters.succeeded(kind.queue, [job_id])
            said: messages.Payload = {"kind": job.kind, "status": job.status, "attempts": job.attempts}
            action, resource = f"{self.service}.job_retried", f"job:{job_id}"
            self.audit.changed(principal, action, resource, org_id=job.org_id, payload=said)
        kind.wake()
