"""SIGKILL of a service at every piece of its talk with PostgreSQL: a change and its event are both there, or neither.

The last piece is lost once, and once it is delivered although its sender is dead: so a COMMIT takes effect that nobody
hears of. Tried are the last pieces, which the change, its event and the commit are among; with
HEARTGUARD_TEST_EVERY_STEP=1 all of them.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from heartguard_audit.domain.events import Search
from heartguard_audit.store.outbox import PostgresOutbox, waiting_events
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_common.core.ids import uuid7
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis
from tests.audit_events import recorded_events
from tests.cut_connections import KillingWire
from tests.people import found, identify, join, owner
from tests.servers import until
from tests.store.audit.conftest import Trail, dead_letters_of

LAST_PIECES = 10_000 if os.environ.get("HEARTGUARD_TEST_EVERY_STEP") else 10
NEVER = 10_000
# Whose role acts, what has changed when the deed is done (%s: the name of the deed, or the thing it was done to), and
# the event that says so.
DEEDS = {
    "update_user": ("user", "users WHERE full_name = %s", "user.update_self"),
    "rename_organization": ("organization", "organizations WHERE name = %s", "organization.update"),
    "end_job": ("organization", "jobs WHERE id::text = %s AND status = 'done'", "organization.deleted"),
    "register": ("auth", "users WHERE email = %s || '@hg.io'", "auth.registered"),
    "log_in": ("auth", "sessions WHERE user_agent = %s", "auth.login"),
    "create_with_a_key": ("influx", "buckets WHERE name LIKE '%%_' || %s", "timeseries.create_bucket"),
    "delete_file": (
        "media",
        "media_items RIGHT JOIN (VALUES (1)) AS one ON id::text = %s WHERE status IS DISTINCT FROM 'ready'",
        "media.delete",
    ),
}
THINGS = {
    "end_job": "INSERT INTO heartguard_core.jobs (id, org_id, kind, status, created_by)"
    " VALUES (%s, 1000000 + (random() * 1000000000)::int, 'organization.delete', 'running', 'user:1')",
    "delete_file": "INSERT INTO heartguard_core.media_items"
    " (id, org_id, owner_id, file_name, content_type, created_at, status)"
    " VALUES (%s, {org}, {user}, 'x', 'text/plain', now(), 'ready')",
}


@pytest.fixture(scope="module")
def runner():
    """Does one deed in a process of its own; sends its pid to the pipe, and returns its wait status."""
    command = [sys.executable, "-m", "tests.store.outbox.crashing"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:

        def run(order, wire):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            wire.aim(int(process.stdout.readline()))
            return int(process.stdout.readline())

        yield run
        process.stdin.close()


@pytest.fixture
def wire(postgres_server):
    with KillingWire(postgres_server.cluster.port) as opened:
        yield opened


@pytest.fixture
def order(database, wire, redis_url, tmp_path, postgres_server):
    org = found(database)
    user = join(database, org, "admin", email="who@hg.io")
    identify(database, user, "hash")

    def make(deed, name):
        service = DEEDS[deed][0]
        url = database.url_for(service).replace(f":{postgres_server.cluster.port}/", f":{wire.port}/")
        thing = uuid7()
        if deed in THINGS:
            with owner(database) as cursor:
                cursor.execute(THINGS[deed].format(org=org, user=user), (thing,))
        more = {"deed": deed, "name": name, "thing": thing, "email": "who@hg.io", "service": service}
        return {"database": url, "redis": redis_url, "spool": str(tmp_path), "org": org, "user": user, **more}

    return make


def settled(postgres_server, database):
    """Whether PostgreSQL is done with everything that the dead had asked for."""
    with postgres_server.superuser() as connection, connection.cursor() as cursor:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'heartguard'"
        cursor.execute(query, (database.name,))
        return cursor.fetchone()[0] == 0


def changed(database, deed, order):
    with owner(database) as cursor:
        what = order["thing"] if deed in THINGS else order["name"]
        cursor.execute(f"SELECT count(*) FROM heartguard_core.{DEEDS[deed][1]}", (what,))
        return cursor.fetchone()[0]


def in_the_trail(database, redis_url):
    """Take all that waits into the trail, and count it by request and action."""
    opened, redis = Database(database.url_for("audit"), pool_size=1), make_redis(redis_url, decode=False)
    trail = Trail(opened)
    ingest = EventIngest(
        PostgresOutbox(opened),
        trail,
        logging.getLogger("test"),
        dead_letters_of(opened),
    )
    while ingest.step():
        pass
    assert waiting_events(opened) == 0
    with owner(database) as cursor:
        cursor.execute("SELECT DISTINCT org_id FROM heartguard_core.audit_events")
        chains = [row[0] for row in cursor.fetchall()]
    events = [row.event for org_id in chains for row in trail.page(Search(org_id, {}), 10_000)]
    redis.close()
    opened.close()
    return Counter((event.request_id, event.action) for event in events)


@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_has_its_event_wherever_its_service_is_killed(
    runner, wire, order, database, redis_url, postgres_server, deed
):
    """Each committed change one event, no event without its change; a deed that was not killed has both."""
    expected = Counter()

    def attempt(piece, last):
        doing = order(deed, f"n{piece}{last}")
        wire.arm(piece, last)
        status = runner(doing, wire)
        until(lambda: settled(postgres_server, database), "the end of the dead one's transaction")
        name = doing["thing"] if deed == "end_job" else doing["name"]
        happened = changed(database, deed, doing)
        said = [it for it in recorded_events(database, redis_url) if it["request_id"] == name]
        assert [it["action"] for it in said] == [DEEDS[deed][2]] * happened, (piece, last)
        expected.update({(name, DEEDS[deed][2]): 1} if happened else {})
        return status, happened

    assert attempt(NEVER, "lost") == (0, 1)
    pieces = list(enumerate(wire.sent))[-LAST_PIECES:]
    outcomes = [attempt(piece, "lost") for piece, _ in pieces]
    outcomes += [attempt(piece, "delivered") for piece, to_server in pieces if to_server]
    assert {status for status, _ in outcomes} == {signal.SIGKILL}
    # Some died before the commit and some behind it, or nothing was tried at the moment that matters.
    assert {happened for _, happened in outcomes} == {0, 1}
    assert in_the_trail(database, redis_url) == expected
