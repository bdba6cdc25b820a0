"""A clone of one test's own, and its commands."""

import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from heartguard_cli import locks
from heartguard_cli.__main__ import main
from heartguard_cli.environment import DEFAULT_PORTS
from heartguard_cli.layout import Layout
from heartguard_cli.programs import PROGRAMS
from heartguard_common.core.paths import REPO_ROOT
from tests.servers import free_port

Command = Callable[..., tuple[int, str]]
GENTLE = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """A clone without state, whose ports are its own; nothing of it runs afterwards."""
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
    assert locks.running(made, PROGRAMS) == []


@pytest.fixture
def command(layout: Layout) -> Command:
    """Run a command; its status and what it printed."""

    def run(*arguments: object) -> tuple[int, str]:
        with redirect_stdout(StringIO()) as said:
            status = main([str(word) for word in arguments], layout)
        return status, said.getvalue()

    return run
