"""A command that can't go on prints one sentence on standard error and leaves nothing running."""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from heartguard_cli import locks, readiness
from heartguard_cli.environment import ROLES
from heartguard_cli.layout import Layout
from heartguard_cli.programs import PROGRAMS
from tests.servers import Database, Valkey
from tests.store.cli.conftest import Command
from tests.tokens import service_secret

Said = pytest.CaptureFixture[str]


@contextmanager
def answering(port: int, status: int, body: bytes) -> Iterator[None]:
    """A server on a port that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A test's output is the test's."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def port_of(name: str) -> int:
    return int(os.environ[f"{name.upper()}_PORT"])


@contextmanager
def claimed(layout: Layout, program: str) -> Iterator[None]:
    """The lock of a program is held, as while it runs."""
    layout.make()
    with layout.lock(program).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_an_unready_service_is_shown_with_its_failed_dependency(layout: Layout, command: Command) -> None:
    command("env")
    failed = {
        "status": "failed",
        "dependencies": [{"name": "redis", "status": "failed"}, {"name": "x", "status": "ok"}],
    }
    with claimed(layout, "auth"), answering(port_of("auth"), 503, json.dumps(failed).encode()):
        status, said = command("status")
    (line,) = [line for line in said.splitlines() if line.split()[:1] == ["auth"]]
    assert status == 1
    assert "  not ready  " in line
    assert line.endswith("redis (failed), x")


def test_a_service_of_another_directory_is_not_shown_as_ours(command: Command, capsys: Said) -> None:
    command("env")
    capsys.readouterr()
    with answering(port_of("auth"), 200, b'{"status": "ready", "dependencies": []}'):
        status, said = command("status")
    assert (status, "  ready  " in said) == (1, False)
    assert capsys.readouterr().err == "heartguard: HeartGuard is not running: ./start_services.sh starts it\n"


def test_a_setting_that_differs_from_env_is_refused_at_a_start(
    layout: Layout, command: Command, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("env")
    written = layout.env_file.read_bytes()
    capsys.readouterr()
    monkeypatch.setenv("AUTH_PORT", "1")
    monkeypatch.setenv("OPERATOR_TOKEN", "hidden")
    assert command("up")[0] == 1
    said = capsys.readouterr().err
    assert said.startswith("heartguard: AUTH_PORT (1), OPERATOR_TOKEN of the environment differs from .env: unset it")
    assert "./start_services.sh --save" in said
    assert layout.env_file.read_bytes() == written


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"dependencies": [1]}', b'{"dependencies": [{"name": "a"}]}'])
def test_another_program_on_a_port_counts_as_no_answer(command: Command, body: bytes) -> None:
    with answering(port_of("auth"), 200, body):
        assert readiness.ask(f"http://127.0.0.1:{port_of('auth')}/auth/ready") == readiness.NO_ANSWER


def test_a_taken_port_is_named_before_anything_starts(layout: Layout, command: Command, capsys: Said) -> None:
    with answering(port_of("media"), 200, b"{}"):
        assert command("up")[0] == 1
    assert (
        f"Port {port_of('media')} (MEDIA_PORT) is already taken: start with a free one, MEDIA_PORT="
        in capsys.readouterr().err
    )
    assert locks.running(layout, PROGRAMS) == []


def test_a_service_that_cant_start_is_named_with_its_reason_and_everything_ends(
    layout: Layout,
    command: Command,
    database: Database,
    valkey: Valkey,
    capsys: Said,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the database and Redis are named, so the command starts none
    monkeypatch.setenv("DATABASE_URL", database.owner_url)
    monkeypatch.setenv("REDIS_URL", valkey.url)
    for name in ROLES:
        monkeypatch.setenv(f"{name.upper()}_DB_PASSWORD", database.passwords[name])
    command("env")
    text = layout.env_file.read_text()
    layout.env_file.write_text(text.replace("MAX_UPLOAD_MB=50", "MAX_UPLOAD_MB=many"))
    status, said = command("up")
    complaint = capsys.readouterr().err
    assert (status, complaint.count("\n")) == (1, 1)
    assert "does not start" in complaint
    assert "MAX_UPLOAD_MB" in complaint
    assert "PostgreSQL" not in said
    assert locks.running(layout, PROGRAMS) == []
    assert not (layout.var / "pg").exists()


def test_a_damaged_data_directory_is_named_with_the_servers_own_words(
    layout: Layout, command: Command, capsys: Said
) -> None:
    command("env")
    layout.make()
    (layout.var / "pg").mkdir(mode=0o700)
    (layout.var / "pg" / "PG_VERSION").write_text("9.6\n")
    assert command("keys", "list")[0] == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("heartguard: postgres does not start: ")
    assert "var/log/postgres.log" in complaint
    assert (layout.var / "pg" / "PG_VERSION").read_text() == "9.6\n"
    assert locks.running(layout, PROGRAMS) == []


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("audit", "verify"), "heartguard_audit.offline"),
        (("keys", "list"), "heartguard_auth.keys"),
        (("policy", "check"), "heartguard_gateway.explain"),
    ],
)
def test_without_a_configuration_the_message_names_the_program_for_containers(
    command: Command, words: tuple[str, ...], module: str, capsys: Said
) -> None:
    assert command(*words)[0] == 1
    assert f"python -m {module}" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("status",), ("backup",)])
def test_without_a_configuration_the_others_report_it(command: Command, words: tuple[str, ...], capsys: Said) -> None:
    assert command(*words)[0] == 1
    assert capsys.readouterr().err.startswith("heartguard: There is no .env here")


@pytest.mark.parametrize("words", [("migrate",), ("keys", "list"), ("audit", "verify"), ("backup", "kept"), ("up",)])
@pytest.mark.parametrize("url", ["postgresql://nobody:hidden@127.0.0.1:1/x", "mysql://x"])
def test_without_a_database_a_command_is_refused_in_one_sentence(
    command: Command, words: tuple[str, ...], url: str, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("env")
    monkeypatch.setenv("DATABASE_URL", url)
    capsys.readouterr()
    assert command(*(tmp_path / word if word == "kept" else word for word in words))[0] == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("heartguard: ")
    assert "atabase" in said or "DATABASE_URL" in said
    assert "hidden" not in said


def test_a_restore_without_the_old_configuration_asks_for_it(command: Command, tmp_path: Path, capsys: Said) -> None:
    assert command("restore", tmp_path)[0] == 1
    assert capsys.readouterr().err.startswith("heartguard: There is no .env here: bring back the one")


def test_a_restore_in_a_container_names_the_missing_settings(
    command: Command, tmp_path: Path, database: Database, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.owner_url)
    assert command("restore", tmp_path)[0] == 1
    said = capsys.readouterr().err
    assert "KEY_RING_SECRET is not set" in said
    assert "AUDIT_CHECKPOINT_KEY is not set" in said


def test_a_backup_with_a_key_file_that_is_not_there_is_refused(
    layout: Layout, command: Command, database: Database, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look for the media in a directory, where those of a bucket are not."""
    command("env")
    monkeypatch.setenv("DATABASE_URL", database.owner_url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json")
    assert command("backup")[0] == 1
    assert "GOOGLE_APPLICATION_CREDENTIALS names no file" in capsys.readouterr().err
    assert not (layout.var / "backups").exists()


def test_the_policy_is_checked_in_the_gateways_environment(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    command("env")
    assert command("policy", "check")[0] == 0
    assert "no problems" in capfd.readouterr().out
    assert command("policy", "explain", "GET", "/nowhere")[0] == 1


def test_a_migration_in_a_container_needs_the_environment_alone(
    command: Command, empty_database: Database, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert command("migrate")[0] == 1
    assert "DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", empty_database.owner_url)
    for name in ROLES:
        monkeypatch.setenv(f"{name.upper()}_DB_PASSWORD", empty_database.passwords[name])
    status, said = command("migrate")
    assert status == 0
    assert said.startswith("the database is at revision ")


def test_a_backup_in_a_container_needs_the_environment_alone(
    command: Command, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MEDIA_DIR", "CHECKPOINT_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("KEY_RING_SECRET", "AUDIT_CHECKPOINT_KEY", "AUDIT_MASK_SECRET"):
        monkeypatch.setenv(name, service_secret(name))
    monkeypatch.setenv("DATABASE_URL", database.owner_url)
    monkeypatch.setenv("HEARTGUARD_CALLED_FROM", str(tmp_path))  # as ./heartguard says it
    status, said = command("backup", "backups")
    assert status == 0, said
    (made,) = (tmp_path / "backups").iterdir()
    assert said.startswith(f"{made}: ")


@pytest.mark.parametrize("words", [("backup",), ("restore", "somewhere"), ("keys", "list")])
def test_under_docker_what_needs_this_machines_database_is_refused(
    command: Command, layout: Layout, words: tuple[str, ...], capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("env")
    monkeypatch.setenv("HEARTGUARD_RUNTIME", "docker")
    assert command(*words)[0] == 1
    assert "under Docker" in capsys.readouterr().err
    assert not (layout.var / "pg").exists()


def test_under_docker_logs_names_where_the_lines_are(
    command: Command, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("env")
    monkeypatch.setenv("HEARTGUARD_RUNTIME", "docker")
    assert command("logs")[0] == 1
    assert "docker compose logs" in capsys.readouterr().err


def test_an_invalid_setting_of_a_command_is_one_sentence(
    command: Command, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("env")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("BACKUP_KEEP", "0")
    assert command("backup")[0] == 1
    said = capsys.readouterr().err
    assert "BACKUP_KEEP" in said
    assert "Traceback" not in said


def test_up_with_docker_reports_that_docker_is_missing(
    command: Command, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert command("up", "--docker")[0] == 1
    assert "Docker Compose is not installed" in capsys.readouterr().err


LETTER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    "words",
    [
        *("users list", "users show 1", "users lock 1", "users unlock 1", "users sessions 1", "users end-sessions 1"),
        *("users invite a@b.example --organization 1", "organizations list", "organizations show 1"),
        *("organizations limits 1", "jobs list", f"jobs retry {LETTER}", "dead-letters list"),
        *(f"dead-letters {verb} {LETTER}" for verb in ("show", "retry", "drop")),
    ],
)
def test_while_stopped_what_calls_the_api_says_so(command: Command, words: str, capsys: Said) -> None:
    command("env")
    capsys.readouterr()
    with answering(port_of("gateway"), 200, b"{}"):  # another system has the port: it must not be asked
        assert command(*words.split()) == (1, "")
    assert capsys.readouterr().err == "heartguard: HeartGuard is not running: ./start_services.sh starts it\n"


def test_a_full_disk_is_reported_and_another_file_is_named(layout: Layout, command: Command, capsys: Said) -> None:
    (layout.root / ".env.new").symlink_to("/dev/full")
    assert command("env")[0] == 1
    assert capsys.readouterr().err.startswith("heartguard: The disk is full: ")
    (layout.root / ".env.example").unlink()
    assert command("env")[0] == 1
    assert "/.env.example can't be used: No such file" in capsys.readouterr().err


def test_the_lines_of_a_request_are_printed_or_reported_as_missing(
    layout: Layout, command: Command, capsys: Said
) -> None:
    layout.make()
    line = json.dumps({"timestamp": "2026-01-01T00:00:00Z", "request_id": "visit-7"})
    (layout.log / "auth.log").write_text(line + "\n")
    assert command("logs", "--request-id", "visit-7") == (0, line + "\n")
    capsys.readouterr()
    assert command("logs", "--request-id", "visit-8") == (1, "")
    assert "visit-8" in capsys.readouterr().err


def test_versions_of_installed_packages_are_printed(command: Command) -> None:
    status, said = command("versions")
    assert status == 0
    shown = dict(line.split() for line in said.splitlines())
    assert {"HeartGuard", "Python", "Flask", "gunicorn", "supervisor"} <= set(shown)
    assert json.loads(command("versions", "--json")[1]) == shown


def test_an_unknown_command_is_a_mistake_of_usage(command: Command) -> None:
    assert command("upp")[0] == 2
