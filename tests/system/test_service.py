"""The commands of the unit, run as systemd runs them: with an environment of their own, and found by a PID file."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clone import PROGRAMS, Clone

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux"),
]


def test_the_unit_starts_and_stops_everything(clone: Clone) -> None:
    assert clone.script("heartguard", "env").returncode == 0
    with (clone.root / ".env").open("a") as env:  # a unit knows no variables but those of the file
        env.writelines(f"{name.upper()}_PORT={number}\n" for name, number in clone.ports.items())
    shown = clone.script("heartguard", "service", "show")
    assert shown.returncode == 0, shown.stderr
    unit = dict(line.partition("=")[::2] for line in shown.stdout.splitlines() if "=" in line and line[0] != "#")
    given = dict([unit["Environment"].partition("=")[::2]])
    assert given == {"HEARTGUARD_VENV": sys.prefix}

    def run(command: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **given}
        words = shlex.split(unit[command])
        done = subprocess.run(
            words, env=environment, cwd=unit["WorkingDirectory"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("ExecStart")
    assert int(Path(unit["PIDFile"]).read_text()) == clone.supervisor_pid()
    assert set(clone.living()) == set(PROGRAMS)
    before = clone.pid("media")
    run("ExecReload")
    assert clone.replaced("media", before)
    run("ExecStop")
    assert clone.living() == []
    assert not Path(unit["PIDFile"]).exists()
