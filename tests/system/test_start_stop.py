"""`start_services.sh` and `stop_services.sh` on a copy of the tree: real programs, real signals."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from heartguard_common.core.registry import SERVICES
from heartguard_influx.store.influxdb import Server
from tests.clone import PROGRAMS, Clone
from tests.fakes.influxdb.http_server import Answered, HttpServer
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.servers import Database, Postgres, Valkey, free_port, until
from tests.system.writer import Member, Writer

PASSWORD = "Correct-horse-9"
AFTER = "2027-01-01T00:00:00Z"
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def running(clone: Clone) -> Clone:
    """The copy, up and ready; the tests of this file share it."""
    if len(clone.living()) < len(PROGRAMS) or not clone.all_ready():
        started = clone.start()
        assert started.returncode == 0, started.stdout + started.stderr
    return clone


@pytest.fixture
def stopped(clone: Clone) -> Iterator[Clone]:
    """The copy, stopped; what a test writes into its `.env` is gone afterwards."""
    clone.stop()
    env = clone.layout.env_file
    before = env.read_bytes() if env.exists() else None
    yield clone
    if before is not None and env.read_bytes() != before:
        clone.stop()
        env.write_bytes(before)


def found(clone: Clone, email: str) -> int:
    status, document = clone.call("gateway", "POST", "/auth/register", {"email": email, "password": PASSWORD})
    assert status == 201, document
    return int(document["user_id"])


def login(clone: Clone, email: str) -> str:
    status, document = clone.call("gateway", "POST", "/auth/login", {"email": email, "password": PASSWORD})
    assert status == 200, document
    return str(document["access_token"])


def test_a_start_ends_with_eight_ready_services(stopped: Clone) -> None:
    started = stopped.start()
    assert started.returncode == 0, started.stdout + started.stderr
    table, next_steps = started.stdout.split("depends on\n")[1].split("\n\n")
    rows = [line.split() for line in table.splitlines()]
    assert [row[0] for row in rows] == list(SERVICES)
    assert {row[2] for row in rows} == {"ready"}
    assert f"http://127.0.0.1:{stopped.ports['gateway']}/docs" in next_steps
    for script in ("demo.sh", "validate_endpoints.sh", "heartguard", "stop_services.sh"):
        assert f"./{script}" in next_steps
    assert (stopped.root / ".env").stat().st_mode & 0o777 == 0o600


def test_a_running_system_is_found_whatever_env_says_meanwhile(running: Clone) -> None:
    """Scripts other than the start get no port from the tests: they find the system of their directory."""
    env = running.layout.env_file
    written = env.read_text()
    url = f"http://127.0.0.1:{running.ports['gateway']}/gateway"
    env.write_text(written.replace(f"GATEWAY_PORT={running.ports['gateway']}", f"GATEWAY_PORT={free_port()}"))
    try:
        status = running.script("heartguard", "status")
        assert (status.returncode, url in status.stdout) == (0, True), status.stdout + status.stderr
        assert status.stderr == "heartguard: GATEWAY_PORT of .env applies at the next start\n"
    finally:
        env.write_text(written)


def test_a_silent_service_is_shown_with_its_own_words(running: Clone) -> None:
    assert {name: tuple(needs) for name, needs in dependencies(running).items()} == {
        name: service.depends for name, service in SERVICES.items()
    }


def test_a_second_start_says_already_running_and_changes_nothing(running: Clone) -> None:
    before = {name: running.pid(name) for name in PROGRAMS}
    again = running.start()
    assert again.returncode == 0
    assert "already up" in again.stdout
    assert {name: running.pid(name) for name in PROGRAMS} == before


def test_a_stop_ends_every_process(running: Clone) -> None:
    pids = [pid for name in PROGRAMS for pid in running.family(name)] + [running.supervisor_pid()]
    stopped = running.stop()
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert running.living() == []
    assert [pid for pid in pids if alive(pid)] == []
    assert "Nothing is running." in running.stop().stdout


def alive(pid: int) -> bool:
    """Whether a process lives; one that its parent has not taken leave of yet does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.strip().startswith("Z")


def test_data_survives_a_stop_and_a_start(running: Clone) -> None:
    person = found(running, "survivor@heartguard.example")
    assert running.stop().returncode == 0
    assert running.start().returncode == 0
    token = login(running, "survivor@heartguard.example")
    status, profile = running.call("gateway", "GET", "/auth/profile", token=token)
    assert (status, profile.get("id")) == (200, person)


@pytest.fixture
def member(running: Clone) -> Member:
    """An admin who writes to a bucket; one for all tests of this file."""
    email = "writer@heartguard.example"
    status, document = running.call("gateway", "POST", "/auth/login", {"email": email, "password": PASSWORD})
    if status != 200:
        found(running, email)
        status, document = running.call("gateway", "POST", "/auth/login", {"email": email, "password": PASSWORD})
    token = str(document["access_token"])
    _, profile = running.call("gateway", "GET", "/auth/profile", token=token)
    return Member(f"http://127.0.0.1:{running.ports['gateway']}", token, int(profile["org_id"]))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_killed_program_restarts_and_no_acknowledged_write_is_lost(
    running: Clone, member: Member, program: str
) -> None:
    before = running.pid(program)
    with Writer(member) as writer:
        writer.wait_for(10)
        os.kill(before, signal.SIGKILL)
        until(lambda: running.replaced(program, before), f"return of {program}")
        until(running.all_ready, f"readiness after the end of {program}")
        writer.wait_for(10)
    assert writer.points <= member.stored(min(writer.points), AFTER)
    until(lambda: writer.events <= member.audited(), "audit events of all acknowledged writes")


@pytest.mark.parametrize(("program", "name"), [("postgres", "postgresql"), ("valkey", "redis")])
def test_a_hanging_store_is_shown_and_recovers(running: Clone, program: str, name: str) -> None:
    dependent = {it for it in SERVICES if name in dependencies(running)[it]}
    assert "auth" in dependent
    running.send(program, signal.SIGSTOP)
    try:
        until(lambda: refusing(running, name) == dependent, f"{name} named by {dependent}")
    finally:
        running.send(program, signal.SIGCONT)
    until(running.all_ready, f"readiness after {name} went on")


def dependencies(clone: Clone) -> dict[str, dict[str, str]]:
    return {
        service: {it["name"]: it["status"] for it in document.get("dependencies", [])}
        for service, (_, document) in clone.everybody().items()
    }


def refusing(clone: Clone, dependency: str) -> set[str]:
    """The services that answer 503 and name the dependency."""
    return {
        service
        for service, (status, document) in clone.everybody().items()
        if status == 503
        for it in document["dependencies"]
        if it["name"] == dependency and it["status"] != "ok"
    }


def test_a_start_after_a_killed_supervisor_begins_anew(running: Clone) -> None:
    before = {name: running.pid(name) for name in PROGRAMS}
    os.kill(running.supervisor_pid(), signal.SIGKILL)
    started = running.start()
    assert started.returncode == 0, started.stdout + started.stderr
    assert not {running.pid(name) for name in PROGRAMS} & set(before.values())


def test_a_stop_ends_the_programs_of_a_killed_supervisor(running: Clone) -> None:
    os.kill(running.supervisor_pid(), signal.SIGKILL)
    assert running.stop().returncode == 0
    assert running.living() == []


def test_configured_servers_are_used(stopped: Clone, own_postgres: Postgres, valkey_server: Valkey) -> None:
    with own_postgres.empty_database() as database:
        started = stopped.start(DATABASE_URL=database.owner_url, REDIS_URL=valkey_server.url)
        assert started.returncode == 0, started.stdout + started.stderr
        assert stopped.living() == [*SERVICES, "consumer", "backup", "stream"]
        found(stopped, "elsewhere@heartguard.example")
        with own_postgres.superuser(database.name) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT email FROM heartguard_core.users")
            assert cursor.fetchall() == [("elsewhere@heartguard.example",)]
        assert stopped.stop().returncode == 0


def refused(clone: Clone, sentence: str, **environment: str) -> str:
    """A start with this environment says the sentence, fails, and leaves nothing; returns all that it says."""
    started = clone.start(**environment)
    assert started.returncode == 1
    assert sentence in started.stderr
    assert len(started.stderr.strip().splitlines()) == 1
    assert clone.living() == []
    assert "Nothing is running." in clone.stop().stdout
    return started.stderr


def test_a_taken_port_is_named(stopped: Clone) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        refused(stopped, f"Port {taken} (MEDIA_PORT) is already taken", MEDIA_PORT=str(taken))


def test_an_unreachable_database_is_named(stopped: Clone) -> None:
    url = f"postgresql://owner:geheim@127.0.0.1:{free_port()}/heartguard"
    refused(stopped, "DATABASE_URL can't be reached", DATABASE_URL=url)


def test_an_unreachable_redis_is_named(stopped: Clone) -> None:
    refused(stopped, "REDIS_URL can't be reached", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")


class Elsewhere(HttpServer):
    """Some other web server."""

    def answer(self, _):
        return Answered(404, "404 page not found\n")


@pytest.mark.parametrize(
    ("kind", "spoiled", "sentences"),
    [
        ("all", {"INFLUX_TOKEN": "wr0ng"}, ("INFLUX_TOKEN is no token of that server (", "401 unauthorized access")),
        ("all", {"INFLUX_ORG": "nobody"}, ("INFLUX_ORG is no organization of that server (", "404 organization name")),
        ("all", {"INFLUX_ORG": ""}, ("INFLUX_URL and INFLUX_TOKEN needs INFLUX_ORG beside it",)),
        ("all", {"INFLUX_URL": f"http://127.0.0.1:{free_port()}"}, ("INFLUX_URL can't be reached (", "refused")),
        ("none", {}, ("INFLUX_URL names no InfluxDB 2", "404")),
        ("inactive", {}, ("INFLUX_TOKEN is inactive (", "token is inactive")),
        ("write", {}, ("INFLUX_TOKEN may not read buckets", "--read-buckets --write-buckets")),
        ("read", {}, ("INFLUX_TOKEN may not write (", "403 insufficient permissions for write")),
    ],
)
def test_an_influxdb_problem_is_named_at_once(
    stopped: Clone, kind: str, spoiled: dict[str, str], sentences: tuple[str, ...]
) -> None:
    with Elsewhere() if kind == "none" else ModelInfluxDB(time.time_ns()) as server:
        variables = {"INFLUX_URL": server.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
        if kind != "none":
            Server(server.url, TOKEN, ORG).ping()  # the bucket of the proof is there from before
            server.kind = kind
        said = refused(stopped, sentences[0], **{**variables, **spoiled})
        assert all(sentence in said for sentence in sentences)


def test_a_configured_influxdb_stores_the_points(stopped: Clone) -> None:
    with ModelInfluxDB(time.time_ns(), "buckets") as server:
        started = stopped.start(INFLUX_URL=server.url, INFLUX_TOKEN=TOKEN, INFLUX_ORG=ORG)
        assert started.returncode == 0, started.stdout + started.stderr
        assert "influxdb" in dependencies(stopped)["influx"]
        server.kind = "read"
        until(lambda: refusing(stopped, "influxdb") == {"influx"}, "influx that is not ready")
        assert "influxdb (failed: INFLUX_TOKEN may not write)" in stopped.script("heartguard", "status").stdout
        assert stopped.stop().returncode == 0


def test_a_newer_database_is_refused(stopped: Clone, database: Database) -> None:
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE heartguard_core.schema_version SET version_num = 'from_tomorrow'")
    refused(stopped, "newer than this code", DATABASE_URL=database.owner_url)


def test_a_service_that_cannot_start_is_named_and_everything_stops(stopped: Clone) -> None:
    refused(stopped, "REGISTRATION must be one of", REGISTRATION="perhaps")


def test_a_changed_key_ring_secret_is_reported(running: Clone) -> None:
    assert running.stop().returncode == 0
    refused(running, "KEY_RING_SECRET in .env is not the one", KEY_RING_SECRET="b7Qw2Er9Ty4Ui6Op1As3Df5Gh8Jk0LzXc")


def test_a_missing_python_is_reported_in_one_sentence(stopped: Clone) -> None:
    refused(stopped, "Python 3.11 or later is needed", HEARTGUARD_VENV="", HEARTGUARD_PYTHON="/no/such/python")
