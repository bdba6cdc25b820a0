"""Jobs as rows of PostgreSQL."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from heartguard_common.core.clock import NANOSECONDS, Clock, from_datetime, parse_rfc3339
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.jobs.engine import Job
from heartguard_common.jobs.operated_jobs import JobEntry
from heartguard_common.messages import StreamJob
from heartguard_common.stores.database import Database, Row, text
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.events import JOBS, LiveEvent

_COLUMNS = """id::text AS id, kind, org_id, user_id, created_by AS requested_by, due_at, status, progress, error,
    attempts, result"""
_REQUEST = f"""
INSERT INTO heartguard_core.jobs (id, kind, org_id, user_id, created_by, due_at, status, progress, result)
VALUES (:id, :kind, :org_id, :user_id, :requested_by, to_timestamp(:due), :status, :progress, :result)
ON CONFLICT (kind, org_id, user_id) WHERE status IN ('queued', 'running') DO NOTHING
RETURNING {_COLUMNS}
"""  # noqa: S608
_OPEN = f"""
SELECT {_COLUMNS} FROM heartguard_core.jobs
WHERE kind = :kind AND org_id = :org_id AND user_id IS NOT DISTINCT FROM :user_id AND status IN ('queued', 'running')
"""  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.jobs WHERE id = cast(:id AS uuid)"  # noqa: S608
_COUNT_OPEN = """
SELECT count(*) FROM heartguard_core.jobs WHERE kind = :kind AND org_id = :org_id AND status IN ('queued', 'running')
"""
_DUE = """
SELECT id::text FROM heartguard_core.jobs
WHERE kind = :kind AND status IN ('queued', 'running') AND due_at <= to_timestamp(:now) ORDER BY due_at LIMIT 100
"""
_SAVE = """
UPDATE heartguard_core.jobs SET status = :status, progress = :progress, error = :error, attempts = :attempts,
    due_at = to_timestamp(:due), result = :result
WHERE id = cast(:id AS uuid) AND status IN ('queued', 'running')
"""
_PURGE = """
DELETE FROM heartguard_core.jobs
WHERE kind = :kind AND status IN ('done', 'failed') AND updated_at < to_timestamp(:before)
"""
# Where another job of that kind and subject is open, that one stands for it.
_RETRY = """
UPDATE heartguard_core.jobs j SET status = CASE status WHEN 'failed' THEN 'queued' ELSE status END,
    error = NULL, attempts = 0, due_at = to_timestamp(:now)
WHERE id = cast(:id AS uuid) AND status <> 'done' AND (status <> 'failed' OR NOT EXISTS (
    SELECT FROM heartguard_core.jobs o WHERE o.kind = j.kind AND o.org_id = j.org_id
    AND o.user_id IS NOT DISTINCT FROM j.user_id AND o.status IN ('queued', 'running')))
"""
_ENTRIES = f"""
SELECT {_COLUMNS}, created_at, updated_at FROM heartguard_core.jobs
WHERE kind = ANY(:kinds) AND (cast(:after AS uuid) IS NULL OR id > cast(:after AS uuid))
    AND CASE WHEN cast(:status AS text) IS NULL THEN status <> 'done' ELSE status = :status END
ORDER BY id LIMIT :limit
"""  # noqa: S608
_GIVE_UP = """
UPDATE heartguard_core.jobs SET status = 'failed' WHERE id = cast(:id AS uuid) AND status IN ('queued', 'running')
"""
_WAITING = "SELECT count(*) FROM heartguard_core.jobs WHERE kind = :kind AND status IN ('queued', 'running')"
_OLDEST = """
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM heartguard_core.jobs
WHERE kind = :kind AND status IN ('queued', 'running')
"""


class PostgresJobs:
    """The table `jobs`; a process that works on one holds an advisory lock, which ends with the process.

    `locks` is the pool of the connections that hold it: a job may last for many minutes.
    """

    def __init__(self, database: Database, locks: Database | None = None, announcer: Announcer | None = None) -> None:
        """With an `announcer` live streams show how far each job has come."""
        self._database = database
        self._locks = locks or database
        self._announcer = announcer

    def request(self, job: Job) -> tuple[Job, bool]:
        """Keep a job, unless one of its kind and subject is open; returns the one that holds, and if it is new."""
        while True:
            with self._database.transaction() as connection:
                row = connection.execute(text(_REQUEST), _values(job)).first()
                if row is not None:
                    self._announce(_job(row))
                    return _job(row), True
                row = connection.execute(text(_OPEN), _values(job)).first()
                if row is not None:  # else it ended in between
                    return _job(row), False

    def find(self, kind: str, job_id: str) -> Job | None:
        """A job by its number."""
        job = self._by_id(job_id)
        return job if job is not None and job.kind == kind else None

    def count_open(self, kind: str, org_id: int) -> int:
        """How many jobs of a kind are open in an organization."""
        with self._database.transaction() as connection:
            return int(connection.execute(text(_COUNT_OPEN), {"kind": kind, "org_id": org_id}).scalar_one())

    def due(self, kind: str, now_ns: int) -> Sequence[str]:
        """The numbers of the open jobs of a kind that are due, those first that wait longest."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_DUE), {"kind": kind, "now": now_ns / NANOSECONDS})
            return list(rows.scalars())

    @contextmanager
    def held(self, job_id: str) -> Iterator[Job | None]:
        """The job as it is, while nobody else works on it; None when somebody does."""
        with self._locks.lock(f"job {job_id}") as mine:
            yield self._by_id(job_id) if mine else None

    def save(self, job: Job) -> None:
        """Keep what has become of an open job."""
        with self._database.transaction() as connection:
            if connection.execute(text(_SAVE), _values(job)).rowcount:
                self._announce(job)

    def purge(self, kind: str, before_ns: int) -> None:
        """Forget the jobs of a kind that ended before then."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"kind": kind, "before": before_ns / NANOSECONDS})

    def entries(self, kinds: Sequence[str], status: str | None, after: str | None, limit: int) -> Sequence[JobEntry]:
        """At most `limit` jobs, the oldest first, behind the id `after`; without `status`, all open and failed ones."""
        values = {"kinds": list(kinds), "status": status, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [_entry(row) for row in connection.execute(text(_ENTRIES), values)]

    def retry(self, job_id: str, now_ns: int) -> bool:
        """Have a job that has failed, or waits, tried from now on; False where it is done or another stands for it."""
        with self._database.transaction() as connection:
            return bool(connection.execute(text(_RETRY), {"id": job_id, "now": now_ns / NANOSECONDS}).rowcount)

    def give_up(self, job_id: str) -> None:
        """Have an open job fail with what it failed for last."""
        with self._database.transaction() as connection:
            connection.execute(text(_GIVE_UP), {"id": job_id})

    def waiting(self, kind: str) -> int:
        """How many jobs of a kind are open."""
        with self._database.transaction() as connection:
            return int(connection.execute(text(_WAITING), {"kind": kind}).scalar_one())

    def oldest_seconds(self, kind: str) -> float:
        """How long the open job of a kind has waited that has waited longest, 0 when none does."""
        with self._database.transaction() as connection:
            return float(connection.execute(text(_OLDEST), {"kind": kind}).scalar_one())

    def queue(self, kind: str, clock: Clock, wake: Callable[[], object]) -> ManagedQueue:
        """What the operator can do with the jobs of a kind that failed."""
        return ManagedQueue(
            retry=lambda dead_letter: self.retry(dead_letter.item, clock.now_ns()),
            drop=lambda dead_letter: self.give_up(dead_letter.item),
            wake=wake,
            waiting=lambda: self.waiting(kind),
            oldest_seconds=lambda: self.oldest_seconds(kind),
        )

    def transaction(self) -> AbstractContextManager[object]:
        """Everything inside happens together or not at all, the audit events of it too."""
        return self._database.transaction()

    def _announce(self, job: Job) -> None:
        if self._announcer is not None:
            self._announcer.announce(job.org_id, lambda: [live_event(job)])

    def _by_id(self, job_id: str) -> Job | None:
        with self._database.transaction() as connection:
            row = connection.execute(text(_FIND), {"id": job_id}).first()
        return None if row is None else _job(row)


def live_event(job: Job) -> LiveEvent:
    """What live streams show of a job."""
    document: StreamJob = {"id": job.id, "kind": job.kind, "status": job.status, "progress": job.progress}
    if job.user_id is not None:
        document["user_id"] = job.user_id
    if job.error is not None:
        document["error"] = job.error
    return LiveEvent(JOBS, "StreamJob", document, job.user_id)


def _values(job: Job) -> dict[str, object]:
    return {**vars(job), "due": job.due_ns / NANOSECONDS}


def _entry(row: Row) -> JobEntry:
    found = dict(row._asdict())
    created, updated = (parse_rfc3339(from_datetime(found.pop(name))) for name in ("created_at", "updated_at"))
    return JobEntry(_made(found), created, updated)


def _job(row: Row) -> Job:
    return _made(dict(row._asdict()))


def _made(found: dict[str, Any]) -> Job:
    found["due_ns"] = parse_rfc3339(from_datetime(found.pop("due_at")))
    return Job(**found)
