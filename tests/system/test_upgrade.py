"""A copy of the tree is upgraded as an operator does it: looked at first, with a migration that fails, and repaired."""

import json
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from heartguard_cli import migrate
from heartguard_cli.backup.create import existing
from heartguard_cli.backup.locations import Directory
from heartguard_client import ApiKey, Client
from heartguard_common.core.registry import SERVICES
from tests.clone import PROGRAMS, Clone
from tests.servers import free_port, until
from tests.system.load import Load, SlowWrite
from tests.system.stream_reader import Reader
from tests.system.writer import Member

PASSWORD = "Correct-horse-9"
FOUNDER = {"email": "chief@clinic.example", "password": PASSWORD}
ALWAYS = ("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
CHANGES = (
    "CREATE TABLE heartguard_core.tomorrow (); UPDATE heartguard_core.identities SET email = 'lost@clinic.example'"
)
pytestmark = pytest.mark.timeout(900)


def added(clone: Clone, revision: str, after: str, description: str, statements: str) -> Path:
    """A migration of newer code, in the copy."""
    file = clone.root / "migrations" / "versions" / f"{revision}.py"
    file.write_text(
        f'"""{description}"""\nfrom alembic import op\nrevision = "{revision}"\ndown_revision = "{after}"\n'
        f'def upgrade():\n    op.execute("{statements}")\n'
    )
    return file


def check(clone: Clone) -> dict[str, object]:
    done = clone.script("heartguard", "upgrade", "check", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_a_migration_that_fails_half_way_leaves_the_old_version_able_to_start(clone: Clone) -> None:
    newest = migrate.newest()
    assert clone.script("heartguard", "env").returncode == 0
    assert check(clone)["state"] == "empty"
    assert clone.start().returncode == 0
    assert clone.call("gateway", "POST", "/auth/register", FOUNDER)[0] == 201
    assert check(clone) | {"version": ""} == {
        "version": "",
        "revision": newest,
        "database_revision": newest,
        "state": "current",
        "migrations": [],
        "backup": None,
    }
    assert clone.stop().returncode == 0

    newer = [
        added(clone, "9998_tomorrow", newest, "A table of tomorrow.", CHANGES),
        added(clone, "9999_broken", "9998_tomorrow", "What is wrong.", "SELECT * FROM heartguard_core.nowhere"),
    ]
    said = clone.script("heartguard", "upgrade", "check").stdout
    assert f"the database   revision {newest}\n" in said
    assert "  9998_tomorrow  A table of tomorrow.\n  9999_broken    What is wrong.\n" in said
    assert "it makes a backup in var/backups." in said
    failed = clone.start()
    assert failed.returncode == 1
    assert "The migration 9999_broken failed: relation" in failed.stderr
    assert f"unchanged, still at revision {newest}" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert clone.living() == []
    assert len(existing(Directory(clone.layout.var / "backups"))) == 1

    for file in newer:
        file.unlink()
    started = clone.start()
    assert started.returncode == 0, started.stderr
    assert clone.call("gateway", "POST", "/auth/login", FOUNDER)[0] == 200


@pytest.fixture
def running(clone: Clone) -> Clone:
    """The copy of the test above, up and ready, with an account."""
    if len(clone.living()) < len(PROGRAMS):
        assert clone.start().returncode == 0
    clone.call("gateway", "POST", "/auth/register", FOUNDER)
    return clone


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def rolling(clone: Clone) -> subprocess.CompletedProcess[str]:
    return clone.script("heartguard", "restart", "--rolling")


def test_a_rolling_restart_takes_up_code_and_settings_and_no_request_or_stream_fails(running: Clone) -> None:
    token = running.call("gateway", "POST", "/auth/login", FOUNDER)[1]["access_token"]
    organization = running.call("gateway", "GET", "/auth/profile", token=token)[1]["org_id"]
    before = {name: running.pid(name) for name in PROGRAMS}
    caller = running.ports["gateway"], token, organization
    app = running.root / "services/auth/src/app.py"
    member = Member(f"http://127.0.0.1:{running.ports['gateway']}", str(token), int(str(organization)))
    queried: set[str] = set()  # on a busy machine an event may be late, which is a `reset`
    query = lambda: queried.update(member.stored(*ALWAYS))  # noqa: E731
    watching = Reader(Client(member.url, ApiKey(member.token)), "points", query=query)
    with watching, Load(*caller) as load, ThreadPoolExecutor(1) as pool:
        edit(app, "app = ", "app = oops = ")
        edit(app, "from_env())", "from_env(), oops)")
        refused = rolling(running)
        assert refused.returncode == 1
        assert "auth does not become ready: NameError" in refused.stderr
        assert {name: running.pid(name) for name in PROGRAMS} == before

        edit(app, "app = oops = ", "app = ")
        edit(app, "from_env(), oops)", "from_env())")
        edit(running.root / "services/auth/src/heartguard_auth/errors.py", '"Invalid credentials"', '"Not these"')
        edit(running.root / ".env", "REGISTRATION=open", "REGISTRATION=closed")
        replacing = pool.submit(rolling, running)
        until(lambda: running.replaced("audit", before["audit"]), "the last service before the gateway")
        slow = SlowWrite(*caller)
        until(lambda: running.replaced("gateway", before["gateway"]), "another gateway", 120)
        assert slow.finish() == 200
        replaced = replacing.result()
        assert replaced.returncode == 0, replaced.stderr
    assert set(load.ended) == {"200"}
    stored = member.stored(*ALWAYS)
    watching.wait(lambda: stored <= {*watching.times(), *queried}, "all that was written, on the stream")
    new = {name for name in PROGRAMS if running.pid(name) != before[name]}
    assert new == {*SERVICES, "consumer", "backup", "stream"}
    wrong = {**FOUNDER, "password": "Wrong-horse-9"}
    assert running.call("gateway", "POST", "/auth/login", wrong)[1]["error"]["message"] == "Not these"
    other = {**FOUNDER, "email": "other@clinic.example"}
    assert running.call("gateway", "POST", "/auth/register", other)[0] == 403
    killed = running.pid("user")
    running.send("user", signal.SIGKILL)
    until(lambda: running.replaced("user", killed), "the return of a service that was replaced")
    until(running.all_ready, "readiness")


def test_what_needs_a_start_is_refused_by_a_rolling_restart(running: Clone) -> None:
    pending = added(running, "9998_tomorrow", migrate.newest(), "A table of tomorrow.", CHANGES)
    try:
        assert "which is done while nothing runs" in rolling(running).stderr
    finally:
        pending.unlink()
    port = f"MEDIA_PORT={running.ports['media']}"
    edit(running.root / ".env", port, f"MEDIA_PORT={free_port()}")
    assert "media is to listen at another address or port" in rolling(running).stderr
    (running.root / ".env").write_text(re.sub("MEDIA_PORT=.*", port, (running.root / ".env").read_text()))
    edit(running.root / ".env", "JWT_ISSUER=heartguard", "JWT_ISSUER=elsewhere")
    said = rolling(running).stderr
    assert "gateway's JWT_ISSUER, auth's JWT_ISSUER, " in said
    assert "DATABASE_URL" not in said
    assert running.stop().returncode == 0
    assert "HeartGuard is not running" in rolling(running).stderr
