"""The sweeper, as it starts with the service."""

import os
import time
from pathlib import Path

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_media.settings import Settings
from heartguard_media.wiring import create_app
from tests.people import owner
from tests.servers import until
from tests.service.media.conftest import objects
from tests.tokens import operator_auth, service_auth


def keep(client, people, name):
    answer = client.put(
        f"/media/archives?org_id={people.org}&user_id={people.ids[name]}",
        data=b"PK\x05\x06" + bytes(18),
        headers={**service_auth("user"), "Content-Type": "application/zip"},
    )
    assert answer.status_code == 201, answer.data


def test_an_archive_that_resists_keeps_nothing_else_from_going(app, client, people, environ, clock):
    for name in ("user", "peer"):
        keep(client, people, name)
    resists, goes = sorted(objects(environ), key=lambda path: path.stat().st_mtime_ns)
    app.extensions[LIFECYCLE].close()
    resists.unlink()
    resists.mkdir()  # what can't be unlinked
    orphan = goes.with_name("01890000-0000-7000-8000-000000000000")
    orphan.write_bytes(b"left behind")
    os.utime(orphan, (time.time() - 7200,) * 2)
    clock.forward(8 * 86_400)
    later = create_app(Settings.from_env(environ), clock)
    try:
        until(lambda: not goes.exists() and not orphan.exists(), "the sweeper goes on")
    finally:
        later.extensions[LIFECYCLE].close()
    assert resists.exists()


RETIRED = """
INSERT INTO heartguard_core.media_items (id, org_id, owner_id, file_name, content_type, status, created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, %s, %s, 'x', 'text/plain', 'retired', now()
FROM generate_series(0, 500) n RETURNING id
"""
GIVEN_UP = """
INSERT INTO heartguard_core.dead_letters
    (id, service, queue, item, org_id, attempts, reason, failed_at, last_failed_at)
SELECT gen_random_uuid(), 'media', 'removals', item, %s, 12, 'OSError', now(), now() FROM unnest(%s) item
"""


def test_five_hundred_files_that_resist_keep_no_other_from_going(app, client, people, environ, clock, database):
    """The sweeper took the first 500 each time: what came behind them stayed for ever."""
    app.extensions[LIFECYCLE].close()
    with owner(database) as cursor:
        cursor.execute(RETIRED, (people.org, people.ids["user"]))
        first, *resist, goes = sorted(str(row[0]) for row in cursor.fetchall())
        cursor.execute(GIVEN_UP, (people.org, resist))
    folder = Path(environ["MEDIA_DIR"]) / f"org_{people.org}" / f"user_{people.ids['user']}"
    (folder / first).mkdir(parents=True)  # what can't be unlinked
    (folder / goes).write_bytes(b"left behind")
    later = create_app(Settings.from_env(environ), clock)
    try:
        until(lambda: not (folder / goes).exists(), "the one behind them")
        dead_letters = later.test_client()

        def listed(status):
            answer = dead_letters.get(f"/media/dead-letters?status={status}&limit=500", headers=operator_auth())
            return answer.json["items"]

        until(lambda: [it["item"] for it in listed("retrying")] == [first], "the failure")
        (mended,), (dropped, *others) = listed("retrying"), listed("dead")
        assert (mended["queue"], mended["org_id"], mended["attempts"]) == ("removals", people.org, 1)
        assert len(others) == 498
        (folder / mended["item"]).rmdir()
        for method, letter, end in (("post", mended, "/retry"), ("delete", dropped, "")):
            path = f"/media/dead-letters/{letter['id']}{end}"
            assert getattr(dead_letters, method)(path, headers=operator_auth()).status_code == 204
        until(lambda: _rows(database) == 498, "the end of both")
    finally:
        later.extensions[LIFECYCLE].close()


def _rows(database):
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.media_items")
        return cursor.fetchone()[0]
