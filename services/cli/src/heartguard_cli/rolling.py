"""Restart the services one after the other, with this code and this `.env`, while the system serves."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from heartguard_cli import locks, migrate, overview
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.program_logs import last_error, size
from heartguard_cli.programs import Program, System
from heartguard_cli.progress import stage
from heartguard_cli.start import unready
from heartguard_cli.supervision import Supervisor, crashing
from heartguard_common.core.registry import SERVICES
from heartguard_common.runtime.takeover import DRAIN_SECONDS

SOCKETS_SECONDS = 10.0
READY_SECONDS = 60.0
MOST_SOCKETS = 16
# What old and new processes, which serve side by side for a while, must agree on: where data are, and whom they trust.
AGREED = (
    *(
        "DATABASE_URL",
        "REDIS_URL",
        "MEDIA_DIR",
        "GCS_BUCKET",
        "CHECKPOINT_DIR",
        "SPOOL_DIR",
        "INFLUX_URL",
        "INFLUX_ORG",
    ),
    *("SERVICE_SECRET", "SERVICE_CREDENTIALS", "JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"),
)


def roll(system: System) -> None:
    """Replace each service, then restart the programs beside them; the embedded servers go on.

    Each successor is ready before its predecessor ends. Raises `CommandError` when nothing runs, when only a start can
    make the change, and for a service that does not become ready: its predecessor goes on then.
    """
    with locks.exclusive(system.layout.run / "start.lock"):
        supervisor = Supervisor(system.layout)
        pairs = _pairs(system)
        current = _current(supervisor, system.layout, pairs)
        _refuse_what_needs_a_start(system, supervisor, current)
        leaving: list[tuple[Program, int]] = []
        try:
            with _handover(system.layout.handover) as handover:
                for name in (*(it for it in SERVICES if it != "gateway"), "gateway"):
                    with stage(name):
                        before, pid = current[name]
                        after = next(it for it in pairs[name] if it.entry != before.entry)
                        _replace(system.layout, supervisor, handover, after, pid)
                        os.kill(pid, signal.SIGWINCH)
                        leaving.append((before, pid))
        finally:
            if leaving:
                with stage("requests that still run"):
                    _end_drained(supervisor, leaving)
        for program in system.services():
            if not program.group:
                with stage(program.name):
                    supervisor.end(program)
                    supervisor.write_spec(program)
                    supervisor.run(program)
        with stage("readiness"):
            _await_readiness(system)


class Handover:
    """The sockets of the services, from the process that gives them to the one that asks for them."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._given: dict[str, list[int]] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def collect(self, program: str, pid: int) -> None:
        """Ask the process `pid` for its sockets. Raises `CommandError` when they do not come."""
        os.kill(pid, signal.SIGUSR2)
        with self._changed:
            if not self._changed.wait_for(lambda: program in self._given, SOCKETS_SECONDS):
                raise CommandError(f"{program} (process {pid}) does not give its sockets: see var/log/{program}.log")

    def close(self) -> None:
        """Close the command's own copies of the sockets."""
        for descriptor in (it for given in self._given.values() for it in given):
            os.close(descriptor)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                with caller, contextlib.suppress(OSError):
                    caller.settimeout(SOCKETS_SECONDS)
                    self._answer(caller)

    def _answer(self, caller: socket.socket) -> None:
        text, descriptors, _, _ = socket.recv_fds(caller, 256, MOST_SOCKETS)
        verb, _, program = text.decode().partition(" ")
        if verb == "give":
            with self._changed:
                self._given[program] = descriptors
                self._changed.notify_all()
            caller.sendall(b".")
        elif given := self._given.get(program):
            socket.send_fds(caller, [b"."], given)


@contextlib.contextmanager
def _handover(path: Path) -> Iterator[Handover]:
    path.unlink(missing_ok=True)  # of a command that was killed
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        made = Handover(listener)
        try:
            yield made
        finally:
            path.unlink(missing_ok=True)
            made.close()


def _pairs(system: System) -> dict[str, tuple[Program, Program]]:
    """The two entries of each service."""
    first = {it.name: it for it in system.services()}
    return {it.name: (first[it.name], it) for it in system.seconds()}


def _current(
    supervisor: Supervisor, layout: Layout, pairs: dict[str, tuple[Program, Program]]
) -> dict[str, tuple[Program, int]]:
    """The entry of each service that runs, with its process. Ends what an interrupted restart left beside it."""
    states = supervisor.states()
    if not states:
        raise CommandError("HeartGuard is not running: ./start_services.sh starts it")
    if any(it.entry not in states for pair in pairs.values() for it in pair):
        raise CommandError(f"An earlier version runs here, which can't be replaced while it serves: {_STOP_AND_START}")
    found: dict[str, tuple[Program, int]] = {}
    for name, pair in pairs.items():
        newest = locks.pid_of(layout.lock(name))
        for program in pair:
            pid = int(str(states[program.entry].get("pid") or 0))
            if pid and pid == newest:
                found[name] = (program, pid)
            elif pid:
                supervisor.end(program)
        if name not in found:
            raise CommandError(f"{name} does not run (var/log/{name}.log says why): {_STOP_AND_START}")
    return found


_STOP_AND_START = "./heartguard restart stops everything and starts it"


def _refuse_what_needs_a_start(system: System, supervisor: Supervisor, current: dict[str, tuple[Program, int]]) -> None:
    planned = migrate.plan(system.owner_url)
    if planned.changes_data:
        raise CommandError(
            f"The database has to be migrated from {planned.found} to {planned.newest}, which is done while nothing "
            f"runs (./heartguard upgrade check lists it): {_STOP_AND_START}"
        )
    changed: list[str] = []
    for name, (program, _) in current.items():
        spec = json.loads(supervisor.spec_file(program).read_bytes())
        if _addresses(spec["command"]) != _addresses(program.command):
            raise CommandError(f"{name} is to listen at another address or port, and its clients: {_STOP_AND_START}")
        different = [it for it in AGREED if spec["environment"].get(it) != program.environment.get(it)]
        changed += [f"{name}'s {it}" for it in different]
    if changed:
        raise CommandError(
            f"Processes with the old and the new {', '.join(changed)} would serve side by side, and must not: "
            f"{_STOP_AND_START}"
        )


def _addresses(command: list[str] | tuple[str, ...]) -> list[str]:
    return [word for word in command if word.startswith("--bind=")]


def _replace(layout: Layout, supervisor: Supervisor, handover: Handover, program: Program, before: int) -> None:
    """Start the successor of the process `before` and wait until all its workers are ready. Raises `CommandError`."""
    handover.collect(program.name, before)
    log = layout.log / f"{program.name}.log"
    offset = size(log)
    _forget_readiness(program)
    supervisor.write_spec(program)
    try:
        supervisor.run(program)
        _await_workers(supervisor, program, log, offset)
    except BaseException:
        supervisor.end(program)
        locks.note(layout.lock(program.name), before)
        raise


def _await_workers(supervisor: Supervisor, program: Program, log: Path, offset: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while _ready(program) < SERVICES[program.name].workers:
        if crashing(supervisor.states(), program.entry) or time.monotonic() > deadline:
            raise CommandError(
                f"{program.name} does not become ready: {last_error(log, offset)} (var/log/{program.name}.log). "
                "The processes of before go on; what was replaced before it has the new code and settings"
            )
        time.sleep(0.05)


def _await_readiness(system: System) -> None:
    """Wait until every service says that it is ready, the consumer included. Raises `CommandError`."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        answers = overview.ask(system)
        if all(answer.ready for answer in answers.values()):
            return
        if time.monotonic() > deadline:
            raise CommandError(unready(answers, READY_SECONDS))
        time.sleep(0.1)


def _forget_readiness(program: Program) -> None:
    for file in program.empty.glob("ready-*") if program.empty else ():
        file.unlink()


def _ready(program: Program) -> int:
    """How many workers of a successor are ready."""
    return len(list(program.empty.glob("ready-*"))) if program.empty else 0


def _end_drained(supervisor: Supervisor, leaving: list[tuple[Program, int]]) -> None:
    """End each predecessor when its last worker has ended, or when their time is over."""
    deadline = time.monotonic() + DRAIN_SECONDS + 5
    while any(_has_workers(pid) for _, pid in leaving) and time.monotonic() < deadline:
        time.sleep(0.1)
    for program, _ in leaving:
        supervisor.end(program)


def _has_workers(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).children())
    except psutil.Error:
        return False
