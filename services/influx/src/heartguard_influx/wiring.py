"""Builds the time-series service from its settings."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

from flask import Flask

from heartguard_common.core.background import BackgroundTask, FailureHandling
from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import NotReadyError, Resource
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.http.exports import Record
from heartguard_common.http.web import make_app
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.jobs.engine import JOB_THREADS, JobRunner, audit_job_end
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.jobs.operated_jobs import JobKind, OperatedJobs
from heartguard_common.runtime.bootstrap import MEBIBYTE, Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.publish import Publisher
from heartguard_influx.deletion.usecases import RETENTION, Deletion
from heartguard_influx.imports import documents
from heartguard_influx.imports.domain import JOB_KIND
from heartguard_influx.imports.usecases import Importing, ImportWork, record_end
from heartguard_influx.listeners.usecases import Listening
from heartguard_influx.points.ports import StoredBatch
from heartguard_influx.points.usecases.writing import Writing
from heartguard_influx.routes import ROUTES
from heartguard_influx.series_exports.usecases import SERIES_EXPORT, SeriesExporting, SeriesExports, Services
from heartguard_influx.settings import Settings
from heartguard_influx.store.export_files import MediaExportFiles
from heartguard_influx.store.export_tables import ExportTables
from heartguard_influx.store.imports import ImportJobs, MediaImportFiles, ParserLimits, ParserProcess, PostgresImports
from heartguard_influx.store.live_points import LiveImports, LivePoints, LiveSentPoints
from heartguard_influx.store.point_metrics import PointMetrics
from heartguard_influx.store.postgres import (
    DaySums,
    PostgresBuckets,
    PostgresChangeLog,
    PostgresFieldTypes,
    PostgresRangeReader,
    PostgresStore,
    QuickReads,
)
from heartguard_influx.usecases import Stores, UseCases

NAME = "influx"
RETENTION_SECONDS = 3600.0
WAIT_FOR_STORES = FailureHandling(outages={NotReadyError: RetryPolicy(None, 60.0, 60.0)})
STORES = ("postgresql", "influxdb")
IMPORTS = "imports"
EXPORTS = "exports"
# How long media may take to store a block of an export, or to send a file of an import.
MEDIA_SECONDS = 60.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The time-series service. Its points are in InfluxDB where one is configured, otherwise in PostgreSQL."""
    dependencies = open_dependencies(NAME, settings, clock, effects_elsewhere=bool(settings.influx_url))
    stores = _in_influxdb(settings, dependencies) if settings.influx_url else in_postgresql(dependencies)
    imports = open_imports(settings, dependencies, stores)
    exports = open_exports(settings, dependencies, stores)
    usecases = UseCases.over(imports.with_imports(), exports=exports.usecases)
    if stores.settle is not None:
        dependencies.lifecycle.on_close(stores.close_announcer)
        dependencies.background.start("streams", stores.settle)
    if stores.sum_days is not None:
        dependencies.background.start("day_sums", stores.sum_days)
    retention = dependencies.background.start(
        "retention", partial(_expire, dependencies, usecases.deletion), failures=WAIT_FOR_STORES
    )
    queues, jobs = imports.start(usecases.writing)
    queues |= {RETENTION: ManagedQueue(wake=retention.wake), exports.queue: exports.managed}
    web = make_web_dependencies(NAME, settings, dependencies, queues=queues)
    app = make_app(replace(web, jobs=jobs), ROUTES, usecases)
    dependencies.lifecycle.open(Resource(exports.queue, exports.task.start, BackgroundTask.ping, BackgroundTask.close))
    return app


def _expire(dependencies: Dependencies, deletion: Deletion) -> float:
    """Remove points past their retention; each point once, also when several workers do this at the same time.

    Returns the seconds until the next run. Raises `NotReadyError` while a store is unavailable, which counts as a
    failure of no bucket.
    """
    for health in dependencies.lifecycle.readiness():
        if health.name in STORES and not health.ok:
            raise NotReadyError(f"{health.name} is unavailable")
    deletion.expire(dependencies.dead_letters)
    dependencies.dead_letters.purge()
    return RETENTION_SECONDS


def in_postgresql(dependencies: Dependencies) -> Stores:
    """The stores of a service without an InfluxDB."""
    database = dependencies.database
    points = PostgresStore(database, dependencies.limits, dependencies.clock)
    announcer = Announcer(database, Publisher(dependencies.redis), settles=True)
    live = LivePoints(announcer)
    changes = PostgresChangeLog(database, PostgresStore.settled_seconds)

    def together(batches: Sequence[StoredBatch]) -> None:
        changes.record_together(batches)
        live.stored_together(batches)

    return Stores(
        buckets=PostgresBuckets(database, dependencies.limits),
        types=PostgresFieldTypes(database, dependencies.limits),
        points=points,
        transaction=database.transaction,
        audit=dependencies.audit,
        clock=dependencies.clock,
        authority=dependencies.authority,
        registry=database.transaction,
        refused=dependencies.limits.refused,
        observer=PointMetrics(dependencies.metrics),
        small=points.small_writer(together),
        quick=QuickReads(database),
        announcer=live,
        removed=announcer.announce_removal,
        listening=Listening(announcer.listen, dependencies.limits),
        settle=announcer.settle,
        close_announcer=announcer.close,
        changes=changes,
        ranges=PostgresRangeReader(database),
        sum_days=DaySums(database, dependencies.clock).run,
    )


def _in_influxdb(settings: Settings, dependencies: Dependencies) -> Stores:
    from heartguard_influx.store.influxdb import KINDS, InfluxBuckets, InfluxStore, LoggedAccess, Server  # noqa: PLC0415  loaded only where it is used

    url, token, org = settings.influx_url, settings.influx_token, settings.influx_org
    failures = dependencies.metrics.counter("heartguard_influxdb_failures", "Failures of InfluxDB", ("kind",))
    for kind in KINDS:
        failures.labels(kind)  # starts at 0: a series that starts at 1 would show no increase
    access = LoggedAccess(logging.getLogger(f"heartguard.{NAME}"))
    server = dependencies.lifecycle.open(
        Resource(
            "influxdb",
            lambda: Server(url, token, org, count=lambda kind: failures.labels(kind).inc()),
            lambda it: access.require(it.ping),
            Server.close,
        )
    )
    # A pool of its own, whose transactions never join the one of an idempotency key: the types and series of a batch
    # must be committed before it is sent, and stay when sending it fails half-way.
    registry = Database(settings.database_url, observer=dependencies.statements)
    dependencies.lifecycle.on_close(registry.close)
    limits = PostgresLimits(registry, dependencies.clock, settings.limit_defaults, dependencies.metrics.limit_refused)
    store = InfluxStore(registry, server, limits)
    announcer = Announcer(registry, Publisher(dependencies.redis), lost_seconds=store.settled_seconds, settles=True)
    # No transaction of PostgreSQL stays open while the service waits for InfluxDB.
    return Stores(
        buckets=InfluxBuckets(registry, server, limits),
        types=PostgresFieldTypes(registry, limits),
        points=store,
        transaction=nullcontext,
        audit=dependencies.audit,
        clock=dependencies.clock,
        authority=PostgresAuthority(registry),
        registry=registry.transaction,
        refused=dependencies.limits.refused,
        observer=PointMetrics(dependencies.metrics),
        announcer=LiveSentPoints(announcer),
        removed=announcer.announce_removal,
        listening=Listening(announcer.listen, dependencies.limits),
        settle=announcer.settle,
        close_announcer=announcer.close,
        changes=PostgresChangeLog(registry, InfluxStore.settled_seconds),
    )


def _job_announcer(dependencies: Dependencies) -> Announcer:
    return Announcer(dependencies.database, Publisher(dependencies.redis))


@dataclass(frozen=True)
class OpenImports:
    """Imports whose jobs do not run yet."""

    settings: Settings
    dependencies: Dependencies
    stores: Stores
    table: PostgresImports
    jobs: ImportJobs
    files: MediaImportFiles
    importing: Importing

    def with_imports(self) -> Stores:
        """The stores of the service with what imports add: what is erased and exported, and the use cases."""

        def records(org_id: int, user_id: int) -> Iterator[Record]:
            return documents.records(self.importing.records(org_id, user_id))

        return replace(self.stores, erase_others=self.table.erase, other_records=records, imports=self.importing)

    def start(self, writing: Writing) -> tuple[dict[str, ManagedQueue], OperatedJobs]:
        """Start the threads that run the jobs; returns what the operator can do with them."""
        dependencies = self.dependencies
        parser = ParserProcess(ParserLimits(file_bytes=self.settings.max_import_mb * MEBIBYTE))
        work = ImportWork(
            self.table,
            self.files,
            parser,
            writing,
            transaction=self.stores.transaction,
            clock=dependencies.clock,
            progressed=LiveImports(_job_announcer(dependencies)).progressed,
        )
        runner = JobRunner(
            JOB_KIND,
            self.jobs,
            work,
            record_end(dependencies.audit, self.table),
            dependencies.clock,
            queue=IMPORTS,
            dead_letters=dependencies.dead_letters,
        )
        task = dependencies.background.start(IMPORTS, self._sweeping(runner), kind="queue", threads=JOB_THREADS)
        self.importing.wake = work.wake = task.wake
        kinds = {JOB_KIND: JobKind(IMPORTS, task.wake)}
        queues = {IMPORTS: self.jobs.queue(dependencies.clock, task.wake)}
        return queues, dependencies.operated_jobs(NAME, kinds, self.jobs)

    def _sweeping(self, runner: JobRunner) -> Callable[[], float]:
        """A run of jobs, after what killed processes have left of files."""

        def run() -> float:
            self.files.sweep(self.jobs.is_open)
            return runner.run()

        return run


def open_imports(settings: Settings, dependencies: Dependencies, stores: Stores) -> OpenImports:
    """The imports of a service with these stores of points."""
    database = dependencies.database
    # A thread keeps two connections while it works on a job, so jobs have a pool of their own.
    locks = Database(settings.database_url, observer=dependencies.statements)
    dependencies.lifecycle.on_close(locks.close)
    table = PostgresImports(database, locks, dependencies.limits)
    media = ServiceClient(settings.media_url, NAME, settings.service_secret, timeout_seconds=MEDIA_SECONDS)
    files = MediaImportFiles(media, settings.spool_dir / "imports")
    importing = Importing(
        table,
        files,
        stores.buckets,
        transaction=database.transaction,
        authority=dependencies.authority,
        audit=dependencies.audit,
        clock=dependencies.clock,
        limits=dependencies.limits,
        max_bytes=settings.max_import_mb * MEBIBYTE,
    )
    return OpenImports(settings, dependencies, stores, table, ImportJobs(database, locks), files, importing)


@dataclass(frozen=True)
class ExportParts:
    """The use cases of requests, the background task, and what the operator can do with exports that failed."""

    usecases: SeriesExports
    task: BackgroundTask
    managed: ManagedQueue
    queue: str = EXPORTS


def open_exports(settings: Settings, dependencies: Dependencies, stores: Stores) -> ExportParts:
    """The exports over the stores of the service; the task must be started."""
    # A thread that works on a job keeps a connection until the job's step is done.
    locks = Database(settings.database_url, observer=dependencies.statements)
    dependencies.lifecycle.on_close(locks.close)
    jobs, clock = PostgresJobs(dependencies.database, locks, _job_announcer(dependencies)), dependencies.clock
    media = ServiceClient(settings.media_url, NAME, settings.service_secret, timeout_seconds=MEDIA_SECONDS)
    services = Services(
        jobs=jobs,
        buckets=stores.buckets,
        files=MediaExportFiles(media),
        tables=ExportTables(),
        authority=dependencies.authority,
        transaction=dependencies.database.transaction,
        audit=dependencies.audit,
        clock=clock,
    )
    work = SeriesExporting(services, stores.types, stores.points, dependencies.limits)
    ended = audit_job_end(dependencies.audit, NAME, "timeseries.exported")
    runner = JobRunner(SERIES_EXPORT, jobs, work, ended, clock, queue=EXPORTS, dead_letters=dependencies.dead_letters)
    # one thread, because exports can wait
    task = dependencies.background.add(EXPORTS, runner.run, kind="queue", threads=1)
    usecases = SeriesExports(services, dependencies.limits, task.wake)
    return ExportParts(usecases, task, jobs.queue(SERIES_EXPORT, clock, task.wake))
