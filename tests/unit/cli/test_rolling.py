"""Sockets on their way from the process that listens to its successor."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartguard_cli import launch, rolling
from heartguard_cli.errors import CommandError
from heartguard_common.runtime import hand_over


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def port_of(descriptor: int) -> int:
    with socket.socket(fileno=descriptor) as received:
        return int(received.getsockname()[1])


def give(path: Path, program: str, listener: socket.socket) -> None:
    words = [sys.executable, "-S", hand_over.__file__, str(path), program, str(listener.fileno())]
    subprocess.run(words, pass_fds=[listener.fileno()], check=True)


def test_a_program_gets_the_sockets_that_were_given_in_its_name(tmp_path: Path, listener: socket.socket) -> None:
    path = tmp_path / "handover.sock"
    with rolling._handover(path):
        assert launch._received(str(path), "auth") == []
        give(path, "auth", listener)
        assert launch._received(str(path), "media") == []
        for _ in range(2):  # it may have to be started again
            (received,) = launch._received(str(path), "auth")
            assert port_of(received) == listener.getsockname()[1]
    assert not path.exists()


def test_without_a_restart_under_way_a_program_opens_its_own(tmp_path: Path) -> None:
    path = tmp_path / "handover.sock"
    assert launch._sockets(str(path), "auth") == {}
    with socket.socket(socket.AF_UNIX) as left:  # of a command that was killed
        left.bind(str(path))
    assert launch._sockets(str(path), "auth") == {}
    with rolling._handover(path):
        assert launch._sockets(str(path), "auth") == {}


def test_a_process_that_gives_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "SOCKETS_SECONDS", 0.05)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as silent:
        with rolling._handover(tmp_path / "handover.sock") as handover, pytest.raises(CommandError, match="auth"):
            handover.collect("auth", silent.pid)
        silent.kill()


PROGRAM = """
import os, socket, sys
from heartguard_cli import launch
lock = launch._moved(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT))
told = launch._sockets(sys.argv[2], "auth")
places = [socket.socket(fileno=3 + number).getsockname()[1] for number in range(int(told["LISTEN_FDS"]))]
print(lock >= 64, told["LISTEN_PID"] == str(os.getpid()), told["HEARTGUARD_TAKEN_OVER"], *places)
os._exit(sys.stdout.flush() or 0)
"""


def test_the_sockets_are_where_gunicorn_looks_for_them(tmp_path: Path, listener: socket.socket) -> None:
    path = tmp_path / "handover.sock"
    with rolling._handover(path):
        give(path, "auth", listener)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "lock"), str(path)],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.split() == ["True", "True", "1", str(listener.getsockname()[1])], done.stderr
