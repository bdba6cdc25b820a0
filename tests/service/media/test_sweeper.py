"""The sweeper, as it starts with the service."""

import os
import time

from heartguard_common.lifecycle import LIFECYCLE
from heartguard_media.settings import Settings
from heartguard_media.wiring import create_app
from tests.servers import until
from tests.service.media.conftest import objects
from tests.tokens import service_auth


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
        until(lambda: not goes.exists() and not orphan.exists(), "the sweeper goes on", 5)
    finally:
        later.extensions[LIFECYCLE].close()
    assert resists.exists()
