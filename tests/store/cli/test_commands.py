"""A clone from beginning to end, by its commands: configured, started, looked at, backed up, stopped, restored."""

import json
from pathlib import Path

import pytest

from heartguard_cli import locks
from heartguard_cli.layout import Layout
from heartguard_cli.programs import PROGRAMS
from heartguard_common.core.registry import SERVICES
from tests.store.cli.conftest import Command


def states(table: str) -> dict[str, str]:
    """The third column of the table of services, by the first."""
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 4 and row[0] in SERVICES}


def test_while_stopped_the_embedded_database_runs_for_one_command(
    layout: Layout, command: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command("env")
    assert command("audit", "verify")[0] == 1
    assert "has ./heartguard migrate made the roles?" in capfd.readouterr().err
    assert command("backup", tmp_path / "none")[0] == 1
    assert "nothing to back up" in capfd.readouterr().err
    status, said = command("migrate")
    assert (status, said.split("revision")[0]) == (0, "the database is at ")
    assert command("audit", "verify", "--organization", "99")[0] == 2
    assert "There is no organization 99" in capfd.readouterr().err
    assert locks.running(layout, PROGRAMS) == []


def test_a_clone_that_is_configured_and_stopped(
    layout: Layout, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("down") == (0, "Nothing is running.\n")
    status, said = command("env")
    assert (status, layout.env_file.stat().st_mode & 0o777) == (0, 0o600)
    written = layout.env_file.read_bytes()
    assert "stays as it is" in command("env")[1]
    assert layout.env_file.read_bytes() == written
    capfd.readouterr()
    status, said = command("status")
    assert (status, states(said)) == (1, dict.fromkeys(SERVICES, "down"))
    assert capfd.readouterr().err == "heartguard: HeartGuard is not running: ./start_services.sh starts it\n"
    status, said = command("status", "--json")
    assert (status, [it["service"] for it in json.loads(said)]) == (1, list(SERVICES))


def test_a_clone_from_configuration_to_restore(
    layout: Layout, command: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command("env")
    status, said = command("up")
    assert status == 0
    assert states(said) == dict.fromkeys(SERVICES, "ready")
    assert set(locks.running(layout, PROGRAMS)) == set(PROGRAMS)
    pid = locks.pid_of(layout.lock("gateway"))
    status, said = command("up")
    assert (status, said.splitlines()[0]) == (0, "HeartGuard is already up.")
    assert locks.pid_of(layout.lock("gateway")) == pid
    assert command("status")[0] == 0
    assert command("migrate")[0] == 0

    backup_and_restore(layout, command, tmp_path / "kept", capfd)


def backup_and_restore(layout: Layout, command: Command, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Back a running system up, stop it, lose its database, and restore it."""
    status, said = command("backup", place)
    assert status == 0
    (taken,) = place.iterdir()
    assert str(taken) in said
    # a running system is not restored into
    assert command("restore", taken)[0] == 1

    assert command("down")[1].splitlines()[-1] == "HeartGuard has stopped."
    assert locks.running(layout, PROGRAMS) == []
    capfd.readouterr()
    assert command("keys", "list", "--json")[0] == 0
    assert sorted(it["state"] for it in json.loads(capfd.readouterr().out)) == ["next", "signing"]
    assert locks.running(layout, PROGRAMS) == []

    (layout.var / "pg").rename(layout.var / "pg.lost")
    status, said = command("restore", taken)
    assert status == 0
    assert said.startswith("restored and verified: ")
    # what Redis knew of revocations was of before the restore
    assert not (layout.var / "valkey").exists()
    assert len(list(layout.var.glob("valkey.before-restore-*"))) == 1
