"""Turns itself into one program of the system: `python -S launch.py <spec.json>`.

Run by the supervisor as a file, with the standard library alone. The spec file holds the program's command line and
its whole environment, so that a service sees its own secrets only and `ps` shows none. The lock it takes is
inherited by every process the program forks: it is free exactly when the last of them has ended, on every system,
whatever became of the supervisor or of process ids.
"""

import contextlib
import fcntl
import json
import os
import resource
import shutil
import socket
import sys
from pathlib import Path
from typing import TypedDict

FIRST_SOCKET = 3  # where the descriptors of sockets begin that a program is started with (sd_listen_fds(3))
OUT_OF_THE_WAY = 64
HANDOVER_SECONDS = 10.0


class Spec(TypedDict):
    """What a program is started with; `module` has the module and its arguments where it may be forked, or nothing."""

    program: str
    command: list[str]
    module: list[str]
    environment: dict[str, str]
    directory: str
    lock: str
    empty: str | None
    open_files: int
    handover: str | None


def read(spec_file: Path) -> Spec:
    """The spec that `Supervisor.write_spec` wrote."""
    spec: Spec = json.loads(spec_file.read_bytes())
    return spec


def prepare(spec: Spec) -> dict[str, str]:
    """Take the lock, note the pid, raise the limit of open files; returns the program's environment.

    The program gets the sockets of the process that it replaces, where `heartguard restart --rolling` has them for it.
    """
    lock = os.open(spec["lock"], os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.pwrite(lock, b"%-20d" % os.getpid(), 0)  # of one width: a concurrent reader sees the old pid or the new one
    os.set_inheritable(_moved(lock), True)  # noqa: FBT003 - it takes no keyword
    if spec["empty"]:
        _empty(Path(spec["empty"]))
    _raise_open_files(spec["open_files"])
    os.chdir(spec["directory"])
    return spec["environment"] | _sockets(spec.get("handover"), spec.get("program"))


def _sockets(path: str | None, program: str | None) -> dict[str, str]:
    """The variables that tell a program of its sockets, which are open from here on; none where it opens its own."""
    try:
        found = _received(path, program) if path and program else []
    except (FileNotFoundError, ConnectionRefusedError):
        found = []
    if not found:
        return {}
    for place, descriptor in enumerate([_moved(it) for it in found]):
        os.dup2(descriptor, FIRST_SOCKET + place)
        os.close(descriptor)
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(found)), "HEARTGUARD_TAKEN_OVER": "1"}


def _received(path: str, program: str) -> list[int]:
    with socket.socket(socket.AF_UNIX) as command:
        command.settimeout(HANDOVER_SECONDS)
        command.connect(path)
        command.sendall(f"want {program}".encode())
        _, descriptors, _, _ = socket.recv_fds(command, 1, 16)
    return descriptors


def _moved(descriptor: int) -> int:
    """The same open file under a number that is out of the way of the sockets."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD, OUT_OF_THE_WAY)
    os.close(descriptor)
    return moved


def _empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _raise_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        # macOS has a ceiling of its own besides the hard limit
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


if __name__ == "__main__":
    found = read(Path(sys.argv[1]))
    os.execvpe(found["command"][0], found["command"], prepare(found))  # noqa: S606 - that is its purpose
