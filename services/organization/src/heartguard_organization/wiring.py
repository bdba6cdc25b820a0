"""Where the organization service is put together."""

from flask import Flask

from heartguard_common.background import Background
from heartguard_common.clock import Clock
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.erasures import Erasure, Keeper, sister_keepers
from heartguard_common.job_store import PostgresJobs
from heartguard_common.jobs import JobRunner, told
from heartguard_common.lifecycle import Resource
from heartguard_common.web import make_app
from heartguard_organization.domain import STEPS
from heartguard_organization.routes import ROUTES
from heartguard_organization.settings import Settings
from heartguard_organization.store import PostgresOrganizations
from heartguard_organization.usecases import DELETION, OrganizationUseCases

NAME = "organization"


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The organization service; deletions that a stopped process left unfinished go on from here."""
    parts = open_parts(NAME, settings, clock)
    store, jobs = PostgresOrganizations(parts.database), PostgresJobs(parts.database)
    erasure = Erasure(STEPS, _keepers(settings, store), parts.clock)
    ended = told(parts.audit, NAME, "organization.deleted")
    work = Background("deletions", JobRunner(DELETION, jobs, erasure, ended, parts.clock).run)
    organizations = OrganizationUseCases(
        store, jobs, parts.authority, parts.audit, parts.database.transaction, parts.clock, work.wake
    )
    app = make_app(make_edge(NAME, settings, parts), ROUTES, organizations)
    parts.lifecycle.open(Resource("deletions", work.start, Background.ping, Background.close))
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
