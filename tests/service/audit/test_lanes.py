"""One organization verifies and lists more than its share: others are answered, and slow requests are ended."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg2
import pytest

from heartguard_audit.domain.chain import Keys
from heartguard_audit.domain.events import Mask
from heartguard_audit.routes import ROUTES, UseCases
from heartguard_audit.settings import Settings
from heartguard_audit.store.backups import BackupFiles
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.events import PostgresEvents
from heartguard_audit.usecases.chains import Verification
from heartguard_audit.usecases.trail import AuditUseCases
from heartguard_cli.urls import libpq
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.http.web import make_app
from heartguard_common.runtime.bootstrap import make_web_dependencies, open_dependencies
from tests.people import owner
from tests.servers import until
from tests.store.audit.conftest import event
from tests.tokens import bearer

SECONDS = 2.0
ADMIN = bearer(12, "admin", org_id=1)
NEIGHBOUR = bearer(20, "admin", org_id=2)


@pytest.fixture(autouse=True)
def slow(database, journal):
    """Make PostgreSQL take SECONDS for each statement that reads events of organization 1."""
    journal.add([event(org_id=org_id) for org_id in (1, 2)])
    with owner(database) as cursor:
        cursor.execute("ALTER TABLE heartguard_core.audit_events ENABLE ROW LEVEL SECURITY")
        cursor.execute(
            "CREATE POLICY slow ON heartguard_core.audit_events FOR SELECT USING"
            " (CASE WHEN org_id = 1 THEN (SELECT true FROM pg_sleep(%s)) ELSE true END)",
            (SECONDS,),
        )


def sleeping(database):
    connection = psycopg2.connect(libpq(database.superuser_url))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s", [database.name]
        )
        found = cursor.fetchone()[0]
    connection.close()
    return found


def test_one_organization_cannot_take_all_places_for_verifying(app, database):
    def ask(path, headers):
        return app.test_client().get(path, headers=headers)

    # Once a mark of the copied revocations is known, a thread that read the one before does not need auth.
    assert ask("/users/me/access-log", NEIGHBOUR).status_code == 200
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, "/audit/verify", ADMIN) for _ in range(6)]
        until(lambda: sleeping(database) == 2, "two verifications")
        answers = [ask(path, NEIGHBOUR) for path in ("/audit/verify", "/audit/events", "/users/me/access-log")]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert answers[0].json == {"valid": True, "checked": 1}
        outcomes = [it.result() for it in asked]
    codes = {(it.status_code, it.json.get("error", {}).get("code")) for it in outcomes}
    assert codes == {(200, None), (503, "GEN_503_BUSY")}


def test_a_verification_that_takes_too_long_ends_with_an_error(environ, database):
    settings = Settings.from_env(environ)
    parts = open_dependencies("audit", settings)
    mask, database_of = Mask(settings.mask_secret), parts.database
    trail = AuditUseCases(
        parts.audit, PostgresEvents(database_of), mask, parts.clock, parts.authority, database_of.transaction
    )
    keys = Keys(settings.checkpoint_key)
    verification = Verification(PostgresChainStore(parts.database), CheckpointFile(settings.checkpoint_dir), keys)
    routes = [replace(route, seconds=0.2) if route.seconds else route for route in ROUTES]
    app = make_app(
        make_web_dependencies("audit", settings, parts), routes, UseCases(trail, verification, BackupFiles())
    )
    for path, code in (("/audit/verify", "AUDIT_002"), ("/audit/events", "GEN_422_TIME")):
        answer = app.test_client().get(path, headers=ADMIN)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, code)
    assert sleeping(database) == 0
    app.extensions[LIFECYCLE].close()
