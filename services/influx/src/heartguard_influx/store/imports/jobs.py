"""Imports as jobs: their rows of the table `imports` are the rows of their jobs too."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from heartguard_common.core.clock import NANOSECONDS, Clock, parse_rfc3339
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.jobs.engine import Job
from heartguard_common.jobs.operated_jobs import JobEntry
from heartguard_common.stores.database import Database, text
from heartguard_influx.imports.domain import JOB_KIND, Import
from heartguard_influx.store.imports.rows import COLUMNS, IS_OPEN, read_import

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_FIND = f"SELECT {COLUMNS} FROM heartguard_core.imports WHERE id = cast(:id AS uuid)"  # noqa: S608
_COUNT_OPEN = f"SELECT count(*) FROM heartguard_core.imports WHERE org_id = :org_id AND {IS_OPEN}"  # noqa: S608
_DUE = f"""
SELECT id::text FROM heartguard_core.imports WHERE {IS_OPEN} AND due_at <= to_timestamp(:now)
ORDER BY due_at LIMIT 100
"""  # noqa: S608
_SAVE = f"""
UPDATE heartguard_core.imports SET status = :status, progress = :progress, error = :error, attempts = :attempts,
    due_at = to_timestamp(:due)
WHERE id = cast(:id AS uuid) AND {IS_OPEN}
"""  # noqa: S608
_PURGE = """
DELETE FROM heartguard_core.imports WHERE status IN ('done', 'failed') AND updated_at < to_timestamp(:before)
"""
_RETRY = """
UPDATE heartguard_core.imports SET status = CASE status WHEN 'failed' THEN 'queued' ELSE status END,
    error = NULL, attempts = 0, due_at = to_timestamp(:now)
WHERE id = cast(:id AS uuid) AND status <> 'done'
"""
_ENTRIES = f"""
SELECT {COLUMNS} FROM heartguard_core.imports
WHERE (cast(:after AS uuid) IS NULL OR id > cast(:after AS uuid))
    AND CASE WHEN cast(:status AS text) IS NULL THEN status <> 'done' ELSE status = :status END
ORDER BY id LIMIT :limit
"""  # noqa: S608
_GIVE_UP = f"UPDATE heartguard_core.imports SET status = 'failed' WHERE id = cast(:id AS uuid) AND {IS_OPEN}"  # noqa: S608
_WAITING = f"SELECT count(*) FROM heartguard_core.imports WHERE {IS_OPEN} AND state <> 'awaiting_upload'"  # noqa: S608
# How long the oldest one is due: it may wait for a day for its file, for others or a limit, and be read for an hour.
_OLDEST = f"""
SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0) FROM heartguard_core.imports
WHERE {IS_OPEN} AND state <> 'running' AND due_at < now()
"""  # noqa: S608


class ImportJobs:
    """The jobs of the table `imports`; a process that works on one holds an advisory lock, which ends with the process.

    `locks` is the pool of the connections that hold it: an import may last for an hour.
    """

    def __init__(self, database: Database, locks: Database) -> None:
        self._database = database
        self._locks = locks

    def request(self, _job: Job) -> tuple[Job, bool]:
        """Not here: whoever adds an import adds its job. Raises TypeError."""
        raise TypeError("an import has no job without a file")

    def find(self, _kind: str, job_id: str) -> Job | None:
        """The job of an import."""
        row = self._database.one(text(_FIND), {"id": job_id})
        return None if row is None else read_import(row).job

    def count_open(self, _kind: str, org_id: int) -> int:
        """How many imports of an organization have not ended."""
        with self._database.transaction() as connection:
            return int(connection.execute(text(_COUNT_OPEN), {"org_id": org_id}).scalar_one())

    def due(self, _kind: str, now_ns: int) -> Sequence[str]:
        """The open jobs that are due, those first that wait longest."""
        with self._database.transaction() as connection:
            return list(connection.execute(text(_DUE), {"now": now_ns / NANOSECONDS}).scalars())

    @contextmanager
    def held(self, job_id: str) -> Iterator[Job | None]:
        """The job as it is, while nobody else works on it; None when somebody does."""
        with self._locks.lock(f"job {job_id}") as mine:
            yield self.find(JOB_KIND, job_id) if mine else None

    def save(self, job: Job) -> None:
        """Keep what has become of an open job."""
        with self._database.transaction() as connection:
            connection.execute(text(_SAVE), {**vars(job), "due": job.due_ns / NANOSECONDS})

    def transaction(self) -> AbstractContextManager[object]:
        """Everything inside happens together or not at all, the audit events of it too."""
        return self._database.transaction()

    def purge(self, _kind: str, before_ns: int) -> None:
        """Forget the imports that ended before then."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"before": before_ns / NANOSECONDS})

    def entries(self, _kinds: Sequence[str], status: str | None, after: str | None, limit: int) -> Sequence[JobEntry]:
        """At most `limit` jobs, the oldest first, behind the id `after`; without `status`, all open and failed ones."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_ENTRIES), {"status": status, "after": after, "limit": limit})
            return [_entry(read_import(row)) for row in rows]

    def retry(self, job_id: str, now_ns: int) -> bool:
        """Have a job that has failed, or waits, tried from now on; False where it is done."""
        with self._database.transaction() as connection:
            return bool(connection.execute(text(_RETRY), {"id": job_id, "now": now_ns / NANOSECONDS}).rowcount)

    def is_open(self, job_id: str) -> bool:
        """Whether a job is neither done nor given up; also for texts that are no id."""
        if not _ID.fullmatch(job_id):
            return False
        job = self.find(JOB_KIND, job_id)
        return job is not None and job.open

    def queue(self, clock: Clock, wake: Callable[[], object]) -> ManagedQueue:
        """What the operator can do with imports that were given up."""
        return ManagedQueue(
            retry=lambda dead_letter: self.retry(dead_letter.item, clock.now_ns()),
            drop=lambda dead_letter: self._give_up(dead_letter.item),
            wake=wake,
            waiting=lambda: int(self._value(_WAITING)),
            oldest_seconds=lambda: float(self._value(_OLDEST)),
        )

    def _give_up(self, job_id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(text(_GIVE_UP), {"id": job_id})

    def _value(self, statement: str) -> Any:
        with self._database.transaction() as connection:
            return connection.execute(text(statement)).scalar_one()


def _entry(found: Import) -> JobEntry:
    """The job as the operator sees it: with the progress of the import."""
    job = found.job if found.job.progress else replace(found.job, progress=found.counts.percent)
    return JobEntry(job, parse_rfc3339(found.created_at), parse_rfc3339(found.updated_at))
