"""A program in the process that supervisord forks sees what it would see as a process of its own, and ends like one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heartguard_cli import forking_supervisor, launch
from heartguard_cli.layout import Layout
from heartguard_common.core.registry import python_path

SUPERVISOR = """
import atexit, os, signal, sys
from heartguard_cli import forking_supervisor
spec, launch, how = sys.argv[1:]
options = forking_supervisor.ForkingOptions()
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGHUP, lambda *_: None)
atexit.register(print, "the supervisor's exit")
os.environ["SECRET"] = "of the supervisor"
imported = forking_supervisor.import_shared()
options.imported = {"forked": imported, "executed": None, "upgraded": frozenset(list(imported)[1:])}[how]
child = os.fork()
if child == 0:
    sys.stdout = sys.stderr = open(os.devnull, "w")
    options.execve(sys.executable, [sys.executable, "-S", launch, spec], dict(os.environ))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "flask" in sys.modules)
"""
PROGRAM = """
import atexit, json, os, signal, sys
report = {
    "environment": dict(os.environ),
    "arguments": sys.argv[1:],
    "path": sys.path,
    "name": __name__,
    "signals": [str(signal.getsignal(it)) for it in sorted(signal.valid_signals())],
    "streams": [(it.encoding, it.errors, it.write_through) for it in (sys.stdout, sys.stderr)],
    "directory": os.getcwd(),
}
print(json.dumps(report))
print(json.dumps({"shared": "flask" in sys.modules}))
if os.fork() == 0:
    sys.exit()
os.wait()
atexit.register(print, "the program's exit")
sys.exit("no database")
"""


def run(layout: Layout, how: str, interrupt: signal.Handlers = signal.SIG_DFL) -> tuple[dict[str, Any], list[str], str]:
    """What the program reports, what is printed after it, and its errors; `interrupt` is what SIGINT did before."""
    packages = layout.root / "packages"
    packages.mkdir()
    (packages / "program.py").write_text(PROGRAM)
    spec = layout.run / "specs" / "program.json"
    module = ["program", "--port", "1"]
    plan = {
        "program": "program",
        "command": [sys.executable, "-m", *module],
        "module": module,
        "environment": {"ONLY": "this", "PYTHONPATH": str(packages), "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
        "directory": str(layout.root),
        "lock": str(layout.lock("program")),
        "empty": None,
        "open_files": 256,
    }
    spec.write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, str(spec), str(launch.__file__), how],
        env={"PYTHONPATH": python_path("cli"), "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
        cwd=layout.root,
        preexec_fn=lambda: signal.signal(signal.SIGINT, interrupt),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report, *more = done.stdout.splitlines()
    return json.loads(report), more, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux only")
@pytest.mark.parametrize("interrupt", [signal.SIG_DFL, signal.SIG_IGN])  # ignored: as a shell starts what ends with &
def test_a_forked_program_is_as_an_executed_one(tmp_path: Path, interrupt: signal.Handlers) -> None:
    layout = Layout(tmp_path)
    layout.make()
    forked, *ended = run(layout, "forked", interrupt)
    (layout.root / "packages").rename(layout.root / "before")
    executed, *ended_too = run(layout, "executed", interrupt)
    assert forked == executed
    assert forked["environment"]["ONLY"] == "this"
    assert "SECRET" not in forked["environment"]
    assert ended == [['{"shared": true}', "the program's exit", "1 True", "the supervisor's exit"], "no database\n"]
    assert ended_too == [['{"shared": false}', *ended[0][1:]], ended[1]]


def test_after_an_upgrade_a_program_imports_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    _, printed, _ = run(layout, "upgraded")
    assert json.loads(printed[0]) == {"shared": False}


def test_another_source_or_policy_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, rules = tmp_path / "sources" / "module.py", tmp_path / "policy.toml"
    module.parent.mkdir()
    module.touch()
    rules.touch()
    monkeypatch.setattr(forking_supervisor, "_SOURCES", (module.parent,))
    monkeypatch.setattr(forking_supervisor, "POLICY_FILE", rules)
    before = forking_supervisor.versions()
    (module.parent / "__pycache__").mkdir()
    (module.parent / "__pycache__" / "module.cpython-311.pyc.140234").touch()  # before Python renames it
    assert forking_supervisor.versions() == before
    os.utime(module, ns=(0, 0))  # as an older revision may have
    changed = forking_supervisor.versions()
    rules.write_text("# another")
    assert len({before, changed, forking_supervisor.versions()}) == 3
