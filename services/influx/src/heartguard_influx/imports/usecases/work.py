"""The job of an import: it waits for the file, has it read in a process of its own, and stores what comes out."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import NANOSECONDS, Clock, parse_rfc3339
from heartguard_common.core.errors import INVALID_TOKEN, LIMIT_FOR_NOW, LIMIT_REACHED, ServiceError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.engine import Job, JobError
from heartguard_common.messages import Payload, PointDocument
from heartguard_common.messages.imports import ImportStatus
from heartguard_influx.errors import NO_BUCKET
from heartguard_influx.imports.domain import Counts, Import, Problem
from heartguard_influx.imports.ports import Batch, ImportFiles, Imports, NotUploadedError, Parser, ParserError, Record
from heartguard_influx.points.usecases.writing import Writing
from heartguard_influx.series.domain import PERSON_TAG

LONGEST_WAIT_SECONDS = 15.0
LIMIT_SECONDS = 900.0
PROBLEMS = {
    INVALID_TOKEN.code: Problem("not_permitted", "Whoever asked for the import may no longer write these points"),
    NO_BUCKET.code: Problem("no_bucket", "The bucket was deleted"),
}
NOT_UPLOADED = Problem("not_uploaded", "The bytes of the file did not come in time")
GONE = Problem("not_uploaded", "The bytes of the file are not there any more")


def record_end(audit: AuditTrail, imports: Imports) -> Callable[[Job], object]:
    """Says of each import that has ended what became of it: an event of the service."""
    actor = Principal(kind="service", role="service", name="influx")

    def record(job: Job) -> object:
        found = imports.of_job(job.id)
        payload: Payload = {"requested_by": job.requested_by, "user_id": job.user_id}
        reason = job.error
        if found is not None:
            payload |= {"stored": found.counts.stored, "duplicates": found.counts.duplicates}
            reason = found.problem.reason if found.problem else "cancelled" if found.state == "cancelled" else reason
        return audit.changed(
            actor,
            "imports.ended",
            f"import:{job.id}",
            org_id=job.org_id,
            outcome="success" if reason is None else "failure",
            reason=reason,
            payload=payload,
        )

    return record


class EndedError(Exception):
    """The import was cancelled or erased while it was read."""


class PausedError(Exception):
    """The organization is read-only or suspended."""


class ImportWork:
    """Takes an import to its next state: waiting for its bytes, for its turn, being read, and its bytes removed.

    It is repeatable at every point: a parser gives the same records in the same order, those that are stored are
    skipped, and a point that is stored again is a duplicate.
    """

    def __init__(
        self,
        imports: Imports,
        files: ImportFiles,
        parser: Parser,
        writing: Writing,
        *,
        transaction: Transaction,
        clock: Clock,
        progressed: Callable[[Import], object] = lambda _: None,
    ) -> None:
        """`transaction` stores points and progress together, where one can; `progressed` gets each new state.

        `wake` has the jobs looked at again at once.
        """
        self._imports = imports
        self._files = files
        self._parser = parser
        self._writing = writing
        self._transaction = transaction
        self._clock = clock
        self._progressed = progressed
        self.wake: Callable[[], object] = lambda: None

    def __call__(self, job: Job) -> Job:
        """The job after its next step. Raises `JobError` for what may succeed later."""
        found = self._imports.of_job(job.id)
        if found is None:  # erased; the engine finds no job any more
            return job
        if found.ended:
            return self._remove_file(found, job)
        try:
            return self._await(found, job) if found.state == "awaiting_upload" else self._take_turn(found, job)
        except EndedError:
            return job
        except NotUploadedError:
            return self._fail(found, job, found.counts, GONE)
        except ServiceError as error:
            raise JobError.of("media", error) from error
        except OSError as error:
            raise JobError(f"disk: {error.strerror}") from error

    def _await(self, found: Import, job: Job) -> Job:
        """Look whether the bytes have come; media says so to nobody by itself, a bucket can't."""
        try:
            arrived = self._files.arrived(found)
        except NotUploadedError:
            return self._fail(found, job, found.counts, NOT_UPLOADED)
        if arrived:
            return self._wait(found, job, "queued", 0)
        return self._wait(found, job, "awaiting_upload", self._pause(found))

    def _pause(self, found: Import) -> float:
        """Seconds until it is worth looking again: ever more for what waits long."""
        age = (self._clock.now_ns() - parse_rfc3339(found.created_at)) / NANOSECONDS
        return min(LONGEST_WAIT_SECONDS, 1 + age / 20)

    def _take_turn(self, found: Import, job: Job) -> Job:
        with self._imports.turn(found.org_id) as mine:
            if not mine or not self._imports.may_store(found.org_id):
                return self._wait(found, job, "queued", self._pause(found))
            with self._files.fetched(found) as file:
                return self._read(found, job, file)

    def _read(self, found: Import, job: Job, file: Path) -> Job:
        counts = found.counts
        self._advance(found, counts, "running")
        batches = self._parser.read(file, found.request, counts.position)
        try:
            with closing(batches):  # type: ignore[type-var]  # generators, which end their process
                for batch in batches:
                    counts = self._store(found, counts, batch)
        except ParserError as error:
            return self._fail(found, job, replace(counts, report=error.report or counts.report), error.problem)
        except PausedError:
            self._advance(found, counts, "queued")
            return job.waiting(self._clock.now_ns() + round(LONGEST_WAIT_SECONDS * NANOSECONDS))
        except ServiceError as error:
            return self._refused(found, job, counts, error)
        self._advance(found, counts, "done")
        return job.waiting(self._clock.now_ns())

    def _store(self, found: Import, counts: Counts, batch: Batch) -> Counts:
        """The counts after a batch, whose points and counts are stored together."""
        if batch.report is None:
            self._require_open(found)
            return counts
        request = found.request
        documents = [_document(record, request.user_id) for record in batch.records]
        times = [record.time_ns for record in batch.records]
        if not self._imports.may_store(found.org_id):
            raise PausedError
        with self._transaction():
            verdicts = (
                self._writing.write(request.principal, request.bucket, documents, atomic=False, times_ns=times)
                if documents
                else []
            )
            after = counts.plus(verdicts, batch.report)
            self._advance(found, after, "running")
        return after

    def _advance(self, found: Import, counts: Counts, state: ImportStatus, problem: Problem | None = None) -> None:
        """Keep progress: the one place where it is recorded. Raises `EndedError`."""
        if not self._imports.advance(found, counts, state, problem):
            raise EndedError
        self._progressed(found.after(counts, state, problem))

    def _require_open(self, found: Import) -> None:
        now = self._imports.of_job(found.id)
        if now is None or now.ended:
            raise EndedError

    def _refused(self, found: Import, job: Job, counts: Counts, error: ServiceError) -> Job:
        """The job after the points of a batch were refused as a whole."""
        code = error.error_code.code
        if code == LIMIT_FOR_NOW.code:
            seconds = min(LIMIT_SECONDS, float(error.headers.get("Retry-After", LIMIT_SECONDS)))
            self._advance(found, counts, "queued")
            return job.waiting(self._clock.now_ns() + round(seconds * NANOSECONDS))
        if code in PROBLEMS:
            return self._fail(found, job, counts, PROBLEMS[code])
        if code == LIMIT_REACHED.code:
            return self._fail(found, job, counts, Problem("no_room", error.message))
        raise JobError(f"points: {code}") from error

    def _fail(self, found: Import, job: Job, counts: Counts, problem: Problem) -> Job:
        self._advance(found, counts, "failed", problem)
        return job.waiting(self._clock.now_ns())

    def _wait(self, found: Import, job: Job, state: ImportStatus, seconds: float) -> Job:
        if state != found.state:
            self._advance(found, found.counts, state)
        return job.waiting(self._clock.now_ns() + round(seconds * NANOSECONDS))

    def _remove_file(self, found: Import, job: Job) -> Job:
        """The last step, after which the job is done, whatever became of the import."""
        try:
            self._files.remove(found)
        except ServiceError as error:
            raise JobError.of("media", error) from error
        self._imports.wake_next(found.org_id)
        self.wake()
        return job.advanced(100)


def _document(record: Record, user_id: int) -> PointDocument:
    return {
        "measurement": record.measurement,
        "fields": dict(record.fields),
        "tags": {**record.tags, PERSON_TAG: str(user_id)},
    }
