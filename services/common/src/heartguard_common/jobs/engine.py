"""Jobs: work that continues after the answer, step by step, over restarts, until it is done or has failed.

A job whose step did not succeed waits and is tried again, after one second, two, four up to five minutes, for
about a day: a service that is down, a database that is full. Then it is given up, and waits for the operator. It fails
at once for a reason that would be the same the next time.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

from heartguard_common import messages
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import INTERNAL, ServiceCallError, ServiceError
from heartguard_common.core.retry import AttemptError, RetryPolicy
from heartguard_common.core.trace import REQUEST_ID
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner

JobStatus: TypeAlias = Literal["queued", "running", "done", "failed"]

# So many attempts of one step in a row take a day and a half hour.
RETRY = RetryPolicy(300, first_delay=1.0, longest_delay=300.0)
# An item that takes long delays no other of its kind.
JOB_THREADS = 2
# How long the result of a job can be read; an archive is kept for a week.
FINISHED_DAYS = 30
PURGE_SECONDS = 3600.0
# What is asked for in this process is begun at once; this is how soon another process's job is found.
LOOK_SECONDS = 5.0
_log = logging.getLogger("heartguard.jobs")


@dataclass(frozen=True)
class Job:
    """A piece of work and how far it has come: `progress` in percent, `due_ns` nanoseconds since the epoch.

    `user_id` is the person it is about, None where it is about the organization. `error` says why the last step
    did not succeed, `attempts` how often that was so in a row. `result` is what the work has made, if anything; where
    the work needs more than `user_id` to begin, it is there from the start.
    """

    id: str
    kind: str
    org_id: int
    requested_by: str
    due_ns: int
    user_id: int | None = None
    status: JobStatus = "queued"
    progress: int = 0
    error: str | None = None
    attempts: int = 0
    result: str | None = None

    @property
    def open(self) -> bool:
        """Whether there is something left to do."""
        return self.status in ("queued", "running")

    def document(self, result_url: str | None = None) -> messages.Job:
        """The `Job` message."""
        found: messages.Job = {"id": self.id, "status": self.status, "progress": self.progress}
        if self.error is not None:
            found["error"] = self.error
        if result_url is not None:
            found["result_url"] = result_url
        return found

    def advanced(self, progress: int, result: str | None = None) -> "Job":
        """The job after a step that succeeded; at 100 percent it is done."""
        status: JobStatus = "done" if progress == 100 else "running"
        return replace(self, status=status, progress=progress, result=result, error=None, attempts=0)

    def waiting(self, until_ns: int) -> "Job":
        """The job after a step that succeeded and has to be repeated, not before `until_ns`."""
        return replace(self, status="running", error=None, attempts=0, due_ns=until_ns)

    def delayed(self, reason: str, now_ns: int) -> "Job":
        """The job after a step that did not succeed and will be tried again."""
        attempts = self.attempts + 1
        due = now_ns + round(RETRY.delay(attempts) * NANOSECONDS)
        return replace(self, status="running", error=reason, attempts=attempts, due_ns=due)

    def failed(self, reason: str) -> "Job":
        """The job after a step that would not succeed the next time either."""
        return replace(self, status="failed", error=reason)


class JobError(AttemptError):
    """A step did not succeed. `permanent`: it would not the next time either."""

    @classmethod
    def of(cls, place: str, error: ServiceError) -> "JobError":
        """The `JobError` for an error response of `place`."""
        code = (isinstance(error, ServiceCallError) and error.code) or error.error_code.code
        return cls(f"{place}: {code}", permanent=isinstance(error, ServiceCallError) and error.permanent)


class Jobs(Protocol):
    """Where jobs are kept."""

    def request(self, job: Job) -> tuple[Job, bool]:
        """Keep a job, unless one of its kind and subject is open; returns the one that holds, and if it is new."""

    def find(self, kind: str, job_id: str) -> Job | None:
        """A job by its number."""

    def count_open(self, kind: str, org_id: int) -> int:
        """How many jobs of a kind are open in an organization."""

    def due(self, kind: str, now_ns: int) -> Sequence[str]:
        """The numbers of the open jobs of a kind that are due, those first that wait longest."""

    def held(self, job_id: str) -> AbstractContextManager[Job | None]:
        """The job as it is, while nobody else works on it; None when somebody does. A process that dies lets go."""

    def save(self, job: Job) -> None:
        """Keep what has become of an open job."""

    def transaction(self) -> AbstractContextManager[object]:
        """Everything inside happens together or not at all, the audit events of it too."""

    def purge(self, kind: str, before_ns: int) -> None:
        """Forget the jobs of a kind that ended before then."""


def audit_job_end(audit: AuditTrail, service: str, action: str) -> Callable[[Job], object]:
    """Says of each job that has ended what became of it: an event of the service, with `action`."""
    actor = Principal(kind="service", role="service", name=service)

    def record(job: Job) -> object:
        return audit.changed(
            actor,
            action,
            f"organization:{job.org_id}" if job.user_id is None else f"user:{job.user_id}",
            org_id=job.org_id,
            outcome="success" if job.status == "done" else "failure",
            reason=job.error,
            payload={"job": job.id, "requested_by": job.requested_by},
        )

    return record


class JobRunner:
    """Takes the jobs of one kind forward: `work` does the next step of one and returns the job after it.

    `work` may raise `JobError`; whatever else it raises is logged and tried again. `ended` gets each job
    that is done or has failed. `dead_letters` records what failed under the name `queue`, for the operator. One that
    was refused before it had done anything is not among that: it is an answer to the caller. Several threads may run
    it.
    """

    def __init__(
        self,
        kind: str,
        jobs: Jobs,
        work: Callable[[Job], Job],
        ended: Callable[[Job], object],
        clock: Clock,
        *,
        queue: str = "jobs",
        dead_letters: DeadLetterStore | None = None,
    ) -> None:
        self._kind = kind
        self._jobs = jobs
        self._work = work
        self._ended = ended
        self._clock = clock
        self._dead_letters = dead_letters
        self._items = None if dead_letters is None else ItemRunner(dead_letters, queue, RETRY)
        self._purged_ns = 0

    def run(self) -> float:
        """Take all due jobs as far as they go; returns the seconds until it is worth looking again."""
        self._purge()
        wait = LOOK_SECONDS
        for job_id in self._jobs.due(self._kind, self._clock.now_ns()):
            job = self._take(job_id)
            if job is not None and job.open:
                wait = min(wait, (job.due_ns - self._clock.now_ns()) / NANOSECONDS)
        return max(wait, 0.0)

    def _take(self, job_id: str) -> Job | None:
        """Run the steps of a job. An error while saving it fails the job, an outage of the store does not."""
        try:
            while (job := self.step(job_id)) is not None and self._goes_on(job):
                pass
        except ServiceError:
            raise
        except Exception:  # noqa: BLE001  whatever it is, the other jobs must go on
            _log.exception("what became of job %s could not be saved", job_id)
            with self._jobs.held(job_id) as found:
                job = found
                if found is not None and found.open:
                    job = self._delayed(found, INTERNAL.code)
                    self._save(job)
        return job

    def _goes_on(self, job: Job) -> bool:
        return job.open and job.error is None and job.due_ns <= self._clock.now_ns()

    def step(self, job_id: str) -> Job | None:
        """Try the next step of a job now; None when somebody else works on it."""
        with self._jobs.held(job_id) as job:
            if job is None or not job.open:
                return job
            # What the other services log and audit is found by the id of the job.
            token = REQUEST_ID.set(job.id)
            try:
                after = self._after(job)
                with self._jobs.transaction():
                    self._save(after)
                    if not after.open:
                        self._ended(after)
            finally:
                REQUEST_ID.reset(token)
            return after

    def _save(self, job: Job) -> None:
        """Keep what has become of a job, and what the operator is to know of it."""
        with self._jobs.transaction():
            self._jobs.save(job)
            if self._items is None:
                return
            if job.error is not None and (job.open or job.progress > 0 or RETRY.exhausted(job.attempts)):
                self._items.failed(job.id, JobError(job.error, permanent=not job.open), job.org_id)
            else:
                self._items.succeeded(job.id)

    def _purge(self) -> None:
        now = self._clock.now_ns()
        if 0 <= now - self._purged_ns < PURGE_SECONDS * NANOSECONDS:
            return
        self._purged_ns = now
        self._jobs.purge(self._kind, now - FINISHED_DAYS * 86_400 * NANOSECONDS)
        if self._dead_letters is not None:
            self._dead_letters.purge()

    def _after(self, job: Job) -> Job:
        try:
            return self._work(job)
        except JobError as fault:
            if fault.permanent:
                _log.error("job %s of %s has failed: %s", job.id, job.kind, fault.reason)
                return job.failed(fault.reason)
            return self._delayed(job, fault.reason)
        except Exception:  # noqa: BLE001  whatever it is, the other jobs must go on
            _log.exception("job %s of %s raised", job.id, job.kind)
            return self._delayed(job, INTERNAL.code)

    def _delayed(self, job: Job, reason: str) -> Job:
        later = job.delayed(reason, self._clock.now_ns())
        if RETRY.exhausted(later.attempts):
            _log.error("job %s of %s is given up: %s", job.id, job.kind, reason)
            return later.failed(reason)
        _log.warning("job %s of %s waits: %s", job.id, job.kind, reason)
        return later
