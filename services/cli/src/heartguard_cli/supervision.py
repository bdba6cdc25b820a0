"""The supervisor of one clone: its configuration is generated, and it is spoken to through its own socket."""

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from heartguard_cli import launch
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.programs import GEVENT, OPEN_FILES, Program, base_environment
from heartguard_common.core.registry import python_path

# what an RPC raises while the supervisor does not run or is shutting down
UNREACHABLE = (OSError, Fault, EOFError)
FORKING_SUPERVISOR = "heartguard_cli.forking_supervisor"
# paths are relative to the clone, where it is started: a `%` in an absolute one is expanded once here, twice there
SUPERVISOR = """\
[unix_http_server]
file={socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
identifier=heartguard
logfile=var/log/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile=var/run/supervisord.pid
childlogdir=var/log
umask=077
"""
# startsecs and startretries: a program may fail for hours, and comes back by itself when the cause has gone
PROGRAM = """\
[program:{entry}]
command={command}
priority={priority}
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopsignal={signal}
stopwaitsecs={seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile=var/log/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""
SERVICES_GROUP = "[group:services]\nprograms={members}\npriority=100\n"


States: TypeAlias = dict[str, dict[str, object]]
"""What supervisord says of each program (its getAllProcessInfo), by the program's name."""
DOWN_STATES = frozenset({"BACKOFF", "EXITED", "FATAL"})


def crashing(states: States, name: str) -> bool:
    """Whether a program has ended though it should run."""
    return states.get(name, {}).get("statename") in DOWN_STATES


class Supervisor:
    """The supervisor that belongs to a clone, whether it runs or not."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def pid(self) -> int | None:
        """The supervisor's process id; None when none answers."""
        try:
            with self._rpc() as supervisor:
                return int(supervisor.getPID())
        except UNREACHABLE:
            return None

    def listening(self) -> bool:
        """Whether the supervisor accepts connections; while it shuts down it still does, but does not answer."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(2)
            return caller.connect_ex(str(self._layout.socket)) == 0

    def states(self) -> States:
        """What the supervisor knows of each program, by name; empty when it does not run."""
        try:
            with self._rpc() as supervisor:
                return {info["name"]: info for info in supervisor.getAllProcessInfo()}
        except UNREACHABLE:
            return {}

    def start(self, programs: Iterable[Program]) -> None:
        """Write the configuration and start the supervisor; it starts no program by itself."""
        self._write(list(programs))
        command = [sys.executable, "-m", FORKING_SUPERVISOR, "-c", str(self._layout.supervisor_config)]
        environment = {**base_environment(), "PYTHONPATH": python_path("cli")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self._layout.root, env=environment
        )
        if done.returncode != 0:
            raise CommandError(f"The supervisor does not start: {(done.stderr or done.stdout).strip()[-300:]}")
        deadline = time.monotonic() + 10
        while self.pid() is None:
            if time.monotonic() > deadline:
                raise CommandError(f"The supervisor does not answer: see {self._layout.log / 'supervisord.log'}")
            time.sleep(0.05)

    def run(self, program: Program) -> None:
        """Start a program without waiting for it."""
        with self._rpc() as supervisor:
            supervisor.startProcess(_full_name(program), False)  # noqa: FBT003 - XML-RPC has no keywords

    def end(self, program: Program) -> None:
        """End a program, if it runs, and wait for it."""
        with contextlib.suppress(Fault), self._rpc() as supervisor:
            supervisor.stopProcess(_full_name(program))

    def write_spec(self, program: Program) -> None:
        """Write what a program will be started with the next time."""
        content: launch.Spec = {
            "program": program.name,
            "command": list(program.command),
            "module": [] if program.name in GEVENT else list(program.module),
            "environment": dict(program.environment),
            "directory": str(self._layout.root),
            "lock": str(self._layout.lock(program.name)),
            "empty": str(program.empty) if program.empty else None,
            "open_files": OPEN_FILES,
            "handover": str(self._layout.handover) if program.handover else None,
        }
        _write_private(self.spec_file(program), json.dumps(content))

    def spec_file(self, program: Program) -> Path:
        """Where that is written."""
        return self._layout.run / "specs" / f"{program.entry}.json"

    def shut_down(self) -> None:
        """Ask the supervisor to end everything, services first, and itself; returns before it is done."""
        with contextlib.suppress(*UNREACHABLE), self._rpc() as supervisor:
            supervisor.shutdown()

    @contextlib.contextmanager
    def _rpc(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self._layout.socket}")
        try:
            yield ServerProxy("http://127.0.0.1", transport=transport).supervisor
        finally:
            transport.close()

    def _write(self, programs: list[Program]) -> None:
        layout = self._layout
        text = SUPERVISOR.format(socket=_escaped(layout.socket))
        if os.geteuid() == 0:
            text += "user=root\n"
        text += "".join(self._section(program) for program in programs)
        members = ",".join(program.entry for program in programs if program.group)
        _write_private(layout.supervisor_config, text + SERVICES_GROUP.format(members=members))

    def _section(self, program: Program) -> str:
        self.write_spec(program)
        words = [sys.executable, "-S", str(launch.__file__), str(self.spec_file(program))]
        return PROGRAM.format(
            entry=program.entry,
            name=program.name,
            command=_escaped(shlex.join(words)),
            priority=program.priority,
            signal=program.stop_signal,
            seconds=program.stop_seconds,
        )


def _full_name(program: Program) -> str:
    return f"{program.group}:{program.entry}" if program.group else program.entry


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def _write_private(file: Any, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
