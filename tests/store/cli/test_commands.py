"""One life of a clone by its commands: configured, started, looked at, backed up, stopped, restored."""

import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from heartguard_cli import locks
from heartguard_cli.__main__ import main
from heartguard_cli.environment import DEFAULT_PORTS, SERVICES
from heartguard_cli.layout import Layout
from heartguard_cli.native import PROGRAMS
from heartguard_common.paths import REPO_ROOT
from tests.servers import free_port

Command = Callable[..., tuple[int, str]]
GENTLE = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """A clone without state, whose ports are its own; nothing of it lives afterwards."""
    made = Layout(tmp_path)
    for name in ("services", ".env.example", "migrations"):
        (tmp_path / name).symlink_to(REPO_ROOT / name)
    for name in DEFAULT_PORTS:
        monkeypatch.setenv(f"{name.upper()}_PORT", str(free_port()))
    monkeypatch.setenv("GATEWAY_BIND", "127.0.0.1")
    before = {ending: signal.getsignal(ending) for ending in GENTLE}
    yield made
    main(["down"], made)
    for ending, handler in before.items():
        signal.signal(ending, handler)
    assert locks.living(made, PROGRAMS) == []


@pytest.fixture
def command(layout: Layout) -> Command:
    """Run a command; its status and what it printed."""

    def run(*arguments: object) -> tuple[int, str]:
        with redirect_stdout(StringIO()) as said:
            status = main([str(word) for word in arguments], layout)
        return status, said.getvalue()

    return run


def states(table: str) -> dict[str, str]:
    """The third column of the table of services, by the first."""
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 4 and row[0] in SERVICES}


def test_a_clone_from_configuration_to_restore(
    layout: Layout, command: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("down") == (0, "Nothing is running.\n")
    status, said = command("env")
    assert (status, layout.env_file.stat().st_mode & 0o777) == (0, 0o600)
    written = layout.env_file.read_bytes()
    assert "stays as it is" in command("env")[1]
    assert layout.env_file.read_bytes() == written
    status, said = command("status")
    assert (status, states(said)) == (1, dict.fromkeys(SERVICES, "down"))

    status, said = command("up")
    assert status == 0
    assert states(said) == dict.fromkeys(SERVICES, "ready")
    assert set(locks.living(layout, PROGRAMS)) == set(PROGRAMS)
    pid = locks.pid_of(layout.lock("gateway"))
    status, said = command("up")
    assert (status, said.splitlines()[0]) == (0, "HeartGuard is already up.")
    assert locks.pid_of(layout.lock("gateway")) == pid
    assert command("status")[0] == 0
    assert command("migrate")[0] == 0

    place = tmp_path / "kept"
    status, said = command("backup", place)
    assert status == 0
    (taken,) = place.iterdir()
    assert str(taken) in said
    # a running system is not restored into
    assert command("restore", taken)[0] == 1

    assert command("down")[1].splitlines()[-1] == "HeartGuard has stopped."
    assert locks.living(layout, PROGRAMS) == []
    capfd.readouterr()
    assert command("keys", "list")[0] == 0
    assert "signing" in capfd.readouterr().out
    assert locks.living(layout, PROGRAMS) == []

    (layout.var / "pg").rename(layout.var / "pg.lost")
    status, said = command("restore", taken)
    assert status == 0
    assert said.startswith("restored and verified: ")
    # what Redis knew of revocations was of the other life
    assert not (layout.var / "valkey").exists()
    assert len(list(layout.var.glob("valkey.before-restore-*"))) == 1
