"""Where the organization service is put together."""

from flask import Flask

from heartguard_common.background import Background
from heartguard_common.calls import Sister
from heartguard_common.clock import Clock
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.lifecycle import Resource
from heartguard_common.web import make_app
from heartguard_organization.routes import ROUTES
from heartguard_organization.settings import Settings
from heartguard_organization.store import HttpSisters, PostgresDeletions, PostgresOrganizations
from heartguard_organization.usecases import DeletionWork, OrganizationUseCases

NAME = "organization"
# To remove years of telemetry takes a sister longer than to answer a question.
ERASURE_SECONDS = 20.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The organization service; deletions that a stopped process left unfinished go on from here."""
    parts = open_parts(NAME, settings, clock)
    deletions = PostgresDeletions(parts.database, parts.clock)
    work = Background("deletions", DeletionWork(deletions, HttpSisters(_keepers(settings)), parts.audit).run)
    organizations = OrganizationUseCases(
        PostgresOrganizations(parts.database), deletions, parts.audit, parts.clock, work.wake
    )
    app = make_app(make_edge(NAME, settings, parts), ROUTES, organizations)
    parts.lifecycle.open(Resource("deletions", work.start, Background.ping, Background.close))
    return app


def _keepers(settings: Settings) -> dict[str, tuple[Sister, str]]:
    places = {
        "auth": (settings.auth_url, "/auth/erasures"),
        "user": (settings.user_url, "/users/erasures"),
        "timeseries": (settings.timeseries_url, "/timeseries/erasures"),
        "media": (settings.media_url, "/media/erasures"),
    }
    return {
        keeper: (Sister(url, NAME, settings.service_secret, timeout_seconds=ERASURE_SECONDS), path)
        for keeper, (url, path) in places.items()
    }
