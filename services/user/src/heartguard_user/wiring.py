"""Builds the user service from its dependencies."""

from dataclasses import replace

from flask import Flask

from heartguard_common.core.background import BackgroundTask
from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import Resource
from heartguard_common.http.web import make_app
from heartguard_common.jobs.engine import JOB_THREADS, JobRunner, audit_job_end
from heartguard_common.jobs.erasure_calls import service_erasers
from heartguard_common.jobs.erasures import Eraser, Erasure
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.jobs.operated_jobs import JobKind
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.database import Database
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.publish import Publisher
from heartguard_user.domain import STEPS
from heartguard_user.routes import ROUTES
from heartguard_user.settings import Settings
from heartguard_user.store.archive import Zip
from heartguard_user.store.other_services import AuthMemberships, ServicePersonalData
from heartguard_user.store.users import PostgresUsers
from heartguard_user.usecases import DELETION, EXPORT, Deletions, Exporting, Exports, UseCases, UserUseCases

NAME = "user"
# How long a service may take between two blocks of an export, and media to store an archive.
EXPORT_SECONDS = 60.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of the user service; its threads continue jobs that an earlier process started."""
    dependencies = open_dependencies(NAME, settings, clock)
    # A thread that works on a job keeps a connection until the job's step is done, so jobs have a pool of their own.
    locks = Database(settings.database_url, observer=dependencies.statements)
    dependencies.lifecycle.on_close(locks.close)
    store = PostgresUsers(dependencies.database)
    announcer = Announcer(dependencies.database, Publisher(dependencies.redis))
    jobs = PostgresJobs(dependencies.database, locks, announcer)
    dead_letters, memberships = dependencies.dead_letters, AuthMemberships(dependencies.auth)
    erasure = Erasure(STEPS, _erasers(settings, dependencies, store), dependencies.clock)
    ended = audit_job_end(dependencies.audit, NAME, "user.deleted")
    deletion = JobRunner(
        DELETION, jobs, erasure, ended, dependencies.clock, queue="deletions", dead_letters=dead_letters
    )
    deleting = dependencies.background.add("deletions", deletion.run, kind="queue", threads=JOB_THREADS)
    personal_data = _personal_data(settings)
    work = Exporting(store, jobs, personal_data, Zip(dependencies.clock), dependencies.clock)
    ended = audit_job_end(dependencies.audit, NAME, "user.exported")
    export = JobRunner(EXPORT, jobs, work, ended, dependencies.clock, queue="exports", dead_letters=dead_letters)
    # Apart from deletions: an export may last for many minutes.
    archiving = dependencies.background.add("exports", export.run, kind="queue", threads=JOB_THREADS)
    usecases = UseCases(
        members=UserUseCases(
            store, memberships, dependencies.authority, dependencies.audit, dependencies.database.transaction
        ),
        deletions=Deletions(
            store, jobs, deletion, dependencies.authority, dependencies.audit, dependencies.clock, deleting.wake
        ),
        exports=Exports(
            jobs,
            personal_data,
            dependencies.authority,
            dependencies.limits,
            dependencies.audit,
            dependencies.clock,
            archiving.wake,
        ),
    )
    kinds = {DELETION: JobKind("deletions", deleting.wake), EXPORT: JobKind("exports", archiving.wake)}
    queues = {it.queue: jobs.queue(kind, dependencies.clock, it.wake) for kind, it in kinds.items()}
    web = make_web_dependencies(NAME, settings, dependencies, queues=queues)
    app = make_app(replace(web, jobs=dependencies.operated_jobs(NAME, kinds, jobs)), ROUTES, usecases)
    dependencies.lifecycle.open(Resource("deletions", deleting.start, BackgroundTask.ping, BackgroundTask.close))
    dependencies.lifecycle.open(Resource("exports", archiving.start, BackgroundTask.ping, BackgroundTask.close))
    return app


def _personal_data(settings: Settings) -> ServicePersonalData:
    endpoints = {
        "auth": (settings.auth_url, "/auth/exports"),
        "organization": (settings.organization_url, "/organization/exports"),
        "timeseries": (settings.timeseries_url, "/timeseries/exports"),
        "alarm": (settings.alarm_url, "/alarms/exports"),
        "audit": (settings.audit_url, "/audit/exports"),
        "media": (settings.media_url, "/media/exports"),
    }
    return ServicePersonalData(
        {
            source: (ServiceClient(url, NAME, settings.service_secret, timeout_seconds=EXPORT_SECONDS), path)
            for source, (url, path) in endpoints.items()
        }
    )


def _erasers(settings: Settings, dependencies: Dependencies, store: PostgresUsers) -> dict[str, Eraser]:
    endpoints = {
        "auth": (settings.auth_url, "/auth/erasures"),
        "timeseries": (settings.timeseries_url, "/timeseries/erasures"),
        "media": (settings.media_url, "/media/erasures"),
        "alarm": (settings.alarm_url, "/alarms/erasures"),
    }

    def erase(org_id: int, user_id: int | None) -> None:
        dependencies.authority.wait_for_writers(org_id, user_id)
        store.erase(org_id, user_id)

    return {**service_erasers(NAME, settings.service_secret, endpoints), "user": erase}
