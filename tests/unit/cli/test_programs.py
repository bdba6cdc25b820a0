"""One program from its spec file to its end: its lock shows whether any of its processes is alive."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartguard_cli import launch, locks
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.native import last_words
from tests.servers import until

PARENT = """
import os, sys, time
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, sorted(os.environ), flush=True)
time.sleep(60)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.make()
    return made


def started(layout: Layout, name: str, code: str = PARENT) -> "subprocess.Popen[str]":
    spec_file = layout.run / "specs" / f"{name}.json"
    leftover = layout.run / "metrics" / name
    leftover.mkdir(parents=True)
    (leftover / "old.db").touch()
    plan = {
        "command": [sys.executable, "-S", "-c", code],
        "environment": {"ONLY": "this"},
        "directory": str(layout.root),
        "lock": str(layout.lock(name)),
        "empty": str(leftover),
        "open_files": 256,
    }
    spec_file.write_text(json.dumps(plan))
    return subprocess.Popen(
        [sys.executable, "-S", str(launch.__file__), str(spec_file)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def buried(process: "subprocess.Popen[str]") -> None:
    process.wait(60)
    process.stdout.close()


def test_a_program_sees_its_own_environment_only_and_no_old_metrics(layout: Layout) -> None:
    process = started(layout, "auth")
    line = process.stdout.readline()
    assert "'ONLY'" in line
    assert "PATH" not in line
    assert list((layout.run / "metrics" / "auth").iterdir()) == []
    assert locks.pid_of(layout.lock("auth")) == process.pid
    locks.end(layout, ["auth"], "TERM", 5)
    buried(process)
    assert locks.living(layout, ["auth"]) == []


def test_a_program_lives_as_long_as_any_of_its_processes(layout: Layout) -> None:
    process = started(layout, "auth")
    child = int(process.stdout.readline().split()[0])
    process.kill()
    buried(process)
    assert locks.living(layout, ["auth", "media"]) == ["auth"]
    os.kill(child, signal.SIGKILL)
    until(lambda: not locks.held(layout.lock("auth")), "the lock is free")


def test_the_orphans_of_a_killed_program_are_ended(layout: Layout) -> None:
    process = started(layout, "auth")
    process.stdout.readline()
    process.kill()
    buried(process)
    locks.end(layout, ["auth"], "TERM", 5)
    assert locks.living(layout, ["auth"]) == []


def test_a_program_that_ignores_the_polite_signal_is_killed(layout: Layout) -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(1, flush=True)\n"
    process = started(layout, "auth", stubborn + "time.sleep(60)")
    process.stdout.readline()
    locks.end(layout, ["auth"], "TERM", 0.2)
    assert process.wait(60) == -signal.SIGKILL
    buried(process)


def test_a_never_started_program_does_not_live(layout: Layout) -> None:
    assert locks.living(layout, ["auth"]) == []
    assert locks.pid_of(layout.lock("auth")) is None


def test_only_the_owner_can_read_the_directories(layout: Layout) -> None:
    assert {path.stat().st_mode & 0o077 for path in layout.var.iterdir()} == {0}


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Layout]:
    """A clone whose path is too long for a socket."""
    made = Layout(tmp_path / ("long" * 30))
    private = made.socket.parent
    yield made
    private.rmdir()


def test_a_socket_path_stays_short_and_private(deep: Layout) -> None:
    assert len(os.fsencode(deep.socket)) <= 90
    assert deep.socket.parent.stat().st_mode & 0o077 == 0


def test_a_socket_directory_open_to_others_is_refused(deep: Layout) -> None:
    deep.socket.parent.chmod(0o755)
    with pytest.raises(CommandError, match="belongs to somebody else"):
        _ = deep.socket


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "it says nothing"),
        ("[2026-01-01] [INFO] Starting\nTraceback:\n  x\nValueError: no\n[2026] Worker exiting\n", "ValueError: no"),
        (
            "a.b.SettingsError: the environment has problems:\n  X is not set\n  Y is wrong\n[1] [ERROR] Reason\n",
            "a.b.SettingsError: the environment has problems:; X is not set; Y is wrong",
        ),
        (
            '{"message":"no","stack":"Traceback:\\n  x\\na.b.SettingsError: no\\n  X"}\n{"level":"info"}\n{"x',
            "a.b.SettingsError: no; X",
        ),
        ("2026 [1] FATAL:  lock file exists\n", "2026 [1] FATAL:  lock file exists"),
    ],
)
def test_the_last_words_of_a_program_are_found(tmp_path: Path, log: str, words: str) -> None:
    file = tmp_path / "x.log"
    file.write_text(log)
    assert last_words(file) == words


def test_only_words_of_this_start_count(tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    file.write_text("ValueError: of yesterday\n")
    assert last_words(file, file.stat().st_size) == "it says nothing"
