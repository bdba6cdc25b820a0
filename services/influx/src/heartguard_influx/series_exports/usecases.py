"""Exports of series: requested by a member, made by a background thread, kept for a day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import LimitError, Limits
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.engine import Job, JobError, Jobs
from heartguard_influx.buckets.access import find_bucket, only_person, record_disclosure
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.errors import EXPORT_OPEN, EXPORT_TOO_LARGE, NO_BUCKET, NO_EXPORT, NO_PARQUET, NOT_YOURS
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.queries.ports import PointReader
from heartguard_influx.queries.usecases.stream import PointStream
from heartguard_influx.series.domain import Selection, person_of
from heartguard_influx.series_exports.domain import Cell, TooLargeError, Wanted, cells_of, limited
from heartguard_influx.series_exports.ports import ExportFiles, TableWriter

SERIES_EXPORT = "timeseries.export"
WAIT_SECONDS = 60  # about how long an export takes
ACTION = "timeseries.request_export"


@dataclass(frozen=True)
class Services:
    """What requests and the job share; `transaction` and `authority` are those of PostgreSQL in any case."""

    jobs: Jobs
    buckets: Buckets
    files: ExportFiles
    tables: TableWriter
    authority: Authority
    transaction: Transaction
    audit: AuditTrail
    clock: Clock


class SeriesExports:
    """Exports, as jobs that only the member who asked can read."""

    def __init__(self, services: Services, limits: Limits, wake: Callable[[], None]) -> None:
        self._s = services
        self._limits = limits
        self._wake = wake

    def request(self, principal: Principal, wanted: Wanted) -> Job:
        """Request a file. While the caller's former export is being made: that job, if it is for the same.

        Raises TS_001, TS_005 for points of others, TS_023 while another export of the caller is open, TS_025 for
        Parquet where it can't be made, GEN_429_LIMIT when the limit of a day or of open exports is used up.
        """
        find_bucket(self._s.buckets, principal, wanted.bucket)
        own = only_person(principal)
        if own is not None and wanted.about not in (None, own):
            raise ServiceError(NOT_YOURS)
        if not self._s.tables.can_write(wanted.format):
            raise ServiceError(NO_PARQUET)
        wanted = wanted if own is None else replace(wanted, about=own)
        org_id, user_id = principal.org_id or 0, principal.user_id
        asked = Job(
            uuid7(self._s.clock),
            SERIES_EXPORT,
            org_id,
            principal.actor,
            self._s.clock.now_ns(),
            user_id,
            result=wanted.encode(),
        )
        with self._s.transaction():
            self._s.authority.require_writer(principal)
            job, new = self._s.jobs.request(asked)
            if new:
                self._limits.take(org_id, "series_exports_per_member_per_day", str(user_id))
                self._require_few(org_id)
                whose = f"organization:{org_id}" if wanted.about is None else f"user:{wanted.about}"
                payload = {"job": job.id, "bucket": wanted.bucket, "format": wanted.format}
                self._s.audit.changed(principal, ACTION, whose, payload=payload)
        if new:
            self._wake()
        elif Wanted.decode(job.result) != wanted:
            raise ServiceError(EXPORT_OPEN)
        return job

    def _require_few(self, org_id: int) -> None:
        """Raises `LimitError` where too many exports of an organization are open, this one included."""
        self._limits.lock(org_id, "open_exports")
        most = self._limits.value(org_id, "open_exports")
        if self._s.jobs.count_open(SERIES_EXPORT, org_id) > most:
            raise LimitError("open_exports", most, wait_seconds=WAIT_SECONDS)

    def read(self, principal: Principal, job_id: str) -> tuple[Job, str | None]:
        """An export of the caller, and the signed URL of its file while it is kept.

        Raises TS_026, TS_005 where the caller may no longer read these points, GEN_502.
        """
        job = self._s.jobs.find(SERIES_EXPORT, job_id)
        if job is None or (job.user_id, job.org_id) != (principal.user_id, principal.org_id):
            raise ServiceError(NO_EXPORT)
        wanted, own = Wanted.decode(job.result), only_person(principal)
        if own is not None and wanted.about != own:
            raise ServiceError(NOT_YOURS)
        if job.status != "done" or wanted.made is None:
            return job, None
        return job, self._s.files.url(wanted.made, job.org_id, job.user_id or 0)


class SeriesExporting:
    """The work of an export: one step that streams the points into a file, page by page."""

    def __init__(self, services: Services, types: FieldTypes, points: PointReader, limits: Limits) -> None:
        self._s = services
        self._types = types
        self._points = points
        self._limits = limits

    def __call__(self, job: Job) -> Job:
        """The job after its file was stored.

        Raises `JobError`, a permanent one where the bucket or the caller is gone, or the file would be too large.
        """
        wanted, persons = Wanted.decode(job.result), set[int]()
        owner = job.user_id or 0
        self._require_admitted(job.org_id, owner)
        cells = self._cells(job, wanted, persons)
        most = self._limits.value(job.org_id, "series_export_bytes")
        blocks = limited(self._s.tables.blocks(wanted.format, cells), most)
        try:
            file = self._s.files.keep(job.org_id, owner, wanted.about, wanted.format, blocks)
        except TooLargeError as error:
            raise JobError(f"timeseries: {EXPORT_TOO_LARGE.code}", permanent=True) from error
        except ServiceError as error:
            raise JobError.of("timeseries", error) from error
        self._require_admitted(job.org_id, owner)
        self._require_nobody_deleted(job.org_id, persons)
        reader = Principal(kind="person", role="admin", user_id=owner, org_id=job.org_id)
        with self._s.transaction():
            record_disclosure(self._s.audit, reader, ACTION, persons, wanted.bucket)
        return job.advanced(100, wanted.done(file).encode())

    def _require_admitted(self, org_id: int, user_id: int) -> None:
        with self._s.transaction():
            if not self._s.authority.admits(org_id, user_id):
                raise JobError(f"timeseries: {NO_EXPORT.code}", permanent=True)

    def _require_nobody_deleted(self, org_id: int, persons: set[int]) -> None:
        """Raises a `JobError` where somebody was deleted whose points may be in the file: it is made again without.

        Media removes the file of a deleted person, but it may have been begun after that.
        """
        for person in sorted(persons):
            with self._s.transaction():
                if not self._s.authority.admits(org_id, person):
                    raise JobError("timeseries: a person was deleted meanwhile", permanent=False)

    def _cells(self, job: Job, wanted: Wanted, persons: set[int]) -> Iterator[Cell]:
        """The values in order of measurement and time; `persons` gets whose they are."""
        bucket = self._s.buckets.find(job.org_id, wanted.bucket)
        if bucket is None:
            raise JobError(f"timeseries: {NO_BUCKET.code}", permanent=True)
        if bucket.id is None:
            return
        all_of_them = self._types.measurements(bucket.id)
        names = [name for name in all_of_them if wanted.measurement in (None, name)]
        for place, name in enumerate(names):
            progress = 1 + 98 * place // len(names)
            self._s.jobs.save(replace(job, status="running", progress=progress))
            chosen = Selection(bucket.id, name, wanted.start_ns, wanted.stop_ns, {}, wanted.about)
            groups = self._points.groups(chosen, None)
            persons.update(person for group in groups if (person := person_of(group.tags)) is not None)
            tags = [dict(group.tags) for group in groups]
            for row in PointStream(self._points, chosen, groups, self._types.of(bucket.id, name)):
                yield from cells_of(name, row.time_ns, tags[row.group], row.values)
