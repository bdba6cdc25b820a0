"""Builds the organization service from its dependencies."""

from dataclasses import replace

from flask import Flask

from heartguard_common.core.background import BackgroundTask, FailureHandling
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.lifecycle import Resource
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.http.web import make_app
from heartguard_common.identity.revocation_copy import RevocationCopy
from heartguard_common.jobs.engine import JOB_THREADS, JobRunner, audit_job_end
from heartguard_common.jobs.erasure_calls import service_erasers
from heartguard_common.jobs.erasures import Eraser, Erasure
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.jobs.operated_jobs import JobKind
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.database import Database
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.publish import Publisher
from heartguard_organization.domain import STEPS
from heartguard_organization.routes import ROUTES
from heartguard_organization.settings import Settings
from heartguard_organization.states.store import PostgresStates
from heartguard_organization.states.usecases import ModeUseCases, PlanUseCases, StateWatch
from heartguard_organization.store import PostgresLimitValues, PostgresOrganizations
from heartguard_organization.usecases import DELETION, LimitUseCases, OrganizationUseCases, UseCases

NAME = "organization"
WAIT_FOR_POSTGRESQL = FailureHandling(outages={ServiceError: RetryPolicy(None, 5.0, 60.0)})


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of the organization service; its threads continue deletions that an earlier process started."""
    dependencies = open_dependencies(NAME, settings, clock)
    # A thread that works on a job keeps a connection until the job's step is done, so jobs have a pool of their own.
    locks = Database(settings.database_url, pool_size=2, observer=dependencies.statements)
    dependencies.lifecycle.on_close(locks.close)
    store = PostgresOrganizations(dependencies.database)
    announcer = Announcer(dependencies.database, Publisher(dependencies.redis))
    jobs = PostgresJobs(dependencies.database, locks, announcer)
    erasure = Erasure(STEPS, _erasers(settings, store), dependencies.clock)
    ended = audit_job_end(dependencies.audit, NAME, "organization.deleted")
    runner = JobRunner(
        DELETION, jobs, erasure, ended, dependencies.clock, queue="deletions", dead_letters=dependencies.dead_letters
    )
    work = dependencies.background.add("deletions", runner.run, kind="queue", threads=JOB_THREADS)
    organizations = OrganizationUseCases(
        store,
        jobs,
        dependencies.authority,
        dependencies.audit,
        dependencies.database.transaction,
        dependencies.clock,
        work.wake,
    )
    states = PostgresStates(
        dependencies.database,
        dependencies.redis,
        RevocationCopy(dependencies.database, dependencies.redis, dependencies.clock),
    )
    limits, modes, plans = _states(settings, dependencies, store, states)
    queues = {"deletions": jobs.queue(DELETION, dependencies.clock, work.wake)}
    operated = dependencies.operated_jobs(NAME, {DELETION: JobKind("deletions", work.wake)}, jobs)
    web = make_web_dependencies(NAME, settings, dependencies, queues=queues)
    app = make_app(replace(web, jobs=operated), ROUTES, UseCases(organizations, limits, modes, plans))
    dependencies.lifecycle.open(Resource("deletions", work.start, BackgroundTask.ping, BackgroundTask.close))
    return app


def _states(
    settings: Settings, dependencies: Dependencies, store: PostgresOrganizations, states: PostgresStates
) -> tuple[LimitUseCases, ModeUseCases, PlanUseCases]:
    """Limits, modes and plans; a thread ends plans and looks at the use of limits."""
    audit, transaction, clock = dependencies.audit, dependencies.database.transaction, dependencies.clock
    values = PostgresLimitValues(dependencies.database, dependencies.limits, settings.plans)
    limits = LimitUseCases(store, values, states, audit, transaction)
    watch = StateWatch(states, limits, audit, transaction, clock)
    dependencies.background.start("plans", watch.step, failures=WAIT_FOR_POSTGRESQL)
    plans = PlanUseCases(settings.plans, store, states, values, watch, audit, transaction, clock)
    return limits, ModeUseCases(store, states, audit, transaction), plans


def _erasers(settings: Settings, store: PostgresOrganizations) -> dict[str, Eraser]:
    endpoints = {
        "auth": (settings.auth_url, "/auth/erasures"),
        "user": (settings.user_url, "/users/erasures"),
        "timeseries": (settings.timeseries_url, "/timeseries/erasures"),
        "media": (settings.media_url, "/media/erasures"),
        "alarm": (settings.alarm_url, "/alarms/erasures"),
    }
    own: dict[str, Eraser] = {"organization": lambda org_id, _: store.end(org_id)}
    return {**service_erasers(NAME, settings.service_secret, endpoints), **own}
