"""Where the user service is put together."""

from flask import Flask

from heartguard_common.background import Lanes
from heartguard_common.calls import Sister
from heartguard_common.clock import Clock
from heartguard_common.database import Database
from heartguard_common.edge import Parts, make_edge, open_parts
from heartguard_common.erasure_calls import sister_keepers
from heartguard_common.erasures import Erasure, Keeper
from heartguard_common.job_store import PostgresJobs
from heartguard_common.jobs import JobRunner, told
from heartguard_common.lifecycle import Resource
from heartguard_common.web import make_app
from heartguard_user.domain import STEPS
from heartguard_user.routes import ROUTES
from heartguard_user.settings import Settings
from heartguard_user.store.archive import Zip
from heartguard_user.store.sisters import AuthMemberships, SisterHoldings
from heartguard_user.store.users import PostgresUsers
from heartguard_user.usecases import DELETION, EXPORT, Deletions, Exporting, Exports, UseCases, UserUseCases

NAME = "user"
PREFIX = "/users"
# How long a sister may think between two blocks, and media about a whole archive.
EXPORT_SECONDS = 60.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The user service; what a stopped process left unfinished goes on from here."""
    parts = open_parts(NAME, settings, clock)
    # Who works on a job keeps a connection for as long as that lasts: those are not the requests' own.
    locks = Database(settings.database_url)
    parts.lifecycle.on_close(locks.close)
    store, jobs = PostgresUsers(parts.database), PostgresJobs(parts.database, locks)
    letters, memberships = parts.letters, AuthMemberships(parts.auth)
    erasure = Erasure(STEPS, _keepers(settings, parts, store), parts.clock)
    ended = told(parts.audit, NAME, "user.deleted")
    deletion = JobRunner(DELETION, jobs, erasure, ended, parts.clock, queue="deletions", letters=letters)
    deleting = Lanes("deletions", deletion.run)
    holdings = _holdings(settings)
    work = Exporting(store, jobs, holdings, Zip(parts.clock), parts.clock)
    ended = told(parts.audit, NAME, "user.exported")
    export = JobRunner(EXPORT, jobs, work, ended, parts.clock, queue="exports", letters=letters)
    # Apart from deletions: an export may last for many minutes.
    archiving = Lanes("exports", export.run)
    usecases = UseCases(
        members=UserUseCases(store, memberships, parts.authority, parts.audit, parts.database.transaction),
        deletions=Deletions(store, jobs, deletion, parts.authority, parts.audit, parts.clock, deleting.wake),
        exports=Exports(jobs, holdings, parts.authority, parts.limits, parts.audit, parts.clock, archiving.wake),
    )
    queues = {
        "deletions": jobs.queue(DELETION, parts.clock, deleting.wake),
        "exports": jobs.queue(EXPORT, parts.clock, archiving.wake),
    }
    app = make_app(make_edge(NAME, settings, parts, prefix=PREFIX, queues=queues), ROUTES, usecases)
    parts.lifecycle.open(Resource("deletions", deleting.start, Lanes.ping, Lanes.close))
    parts.lifecycle.open(Resource("exports", archiving.start, Lanes.ping, Lanes.close))
    return app


def _holdings(settings: Settings) -> SisterHoldings:
    doors = {
        "auth": (settings.auth_url, "/auth/exports"),
        "organization": (settings.organization_url, "/organization/exports"),
        "timeseries": (settings.timeseries_url, "/timeseries/exports"),
        "audit": (settings.audit_url, "/audit/exports"),
        "media": (settings.media_url, "/media/exports"),
    }
    return SisterHoldings(
        {
            source: (Sister(url, NAME, settings.service_secret, timeout_seconds=EXPORT_SECONDS), path)
            for source, (url, path) in doors.items()
        }
    )


def _keepers(settings: Settings, parts: Parts, store: PostgresUsers) -> dict[str, Keeper]:
    doors = {
        "auth": (settings.auth_url, "/auth/erasures"),
        "timeseries": (settings.timeseries_url, "/timeseries/erasures"),
        "media": (settings.media_url, "/media/erasures"),
    }

    def erase(org_id: int, user_id: int | None) -> None:
        parts.authority.wait_for_writers(org_id, user_id)
        store.erase(org_id, user_id)

    return {**sister_keepers(NAME, settings.service_secret, doors), "user": erase}
