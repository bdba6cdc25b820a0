"""Where the organization service is put together."""

from flask import Flask

from heartguard_common.background import Lanes
from heartguard_common.clock import Clock
from heartguard_common.database import Database
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.erasure_calls import sister_keepers
from heartguard_common.erasures import Erasure, Keeper
from heartguard_common.job_store import PostgresJobs
from heartguard_common.jobs import JobRunner, told
from heartguard_common.lifecycle import Resource
from heartguard_common.web import make_app
from heartguard_organization.domain import STEPS
from heartguard_organization.routes import ROUTES
from heartguard_organization.settings import Settings
from heartguard_organization.store import PostgresLimitValues, PostgresOrganizations
from heartguard_organization.usecases import DELETION, LimitUseCases, OrganizationUseCases, UseCases

NAME = "organization"


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The organization service; deletions that a stopped process left unfinished go on from here."""
    parts = open_parts(NAME, settings, clock)
    # Who works on a job keeps a connection for as long as that lasts: those are not the requests' own.
    locks = Database(settings.database_url, pool_size=2)
    parts.lifecycle.on_close(locks.close)
    store, jobs = PostgresOrganizations(parts.database), PostgresJobs(parts.database, locks)
    erasure = Erasure(STEPS, _keepers(settings, store), parts.clock)
    ended = told(parts.audit, NAME, "organization.deleted")
    runner = JobRunner(DELETION, jobs, erasure, ended, parts.clock, queue="deletions", letters=parts.letters)
    work = Lanes("deletions", runner.run)
    organizations = OrganizationUseCases(
        store, jobs, parts.authority, parts.audit, parts.database.transaction, parts.clock, work.wake
    )
    values = PostgresLimitValues(parts.database, parts.limits)
    limits = LimitUseCases(store, values, parts.audit, parts.database.transaction)
    queues = {"deletions": jobs.queue(DELETION, parts.clock, work.wake)}
    app = make_app(make_edge(NAME, settings, parts, queues=queues), ROUTES, UseCases(organizations, limits))
    parts.lifecycle.open(Resource("deletions", work.start, Lanes.ping, Lanes.close))
    return app


def _keepers(settings: Settings, store: PostgresOrganizations) -> dict[str, Keeper]:
    doors = {
        "auth": (settings.auth_url, "/auth/erasures"),
        "user": (settings.user_url, "/users/erasures"),
        "timeseries": (settings.timeseries_url, "/timeseries/erasures"),
        "media": (settings.media_url, "/media/erasures"),
    }
    own: dict[str, Keeper] = {"organization": lambda org_id, _: store.end(org_id)}
    return {**sister_keepers(NAME, settings.service_secret, doors), **own}
