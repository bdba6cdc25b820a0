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
import sys
from pathlib import Path


def main(spec_file: Path) -> None:
    """Take the lock, note the pid, raise the limit of open files, and become the program."""
    plan = json.loads(spec_file.read_bytes())
    lock = os.open(plan["lock"], os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.pwrite(lock, b"%-20d" % os.getpid(), 0)  # of one width: a concurrent reader sees the old pid or the new one
    os.set_inheritable(lock, True)  # noqa: FBT003 - it takes no keyword
    if plan["empty"]:
        _empty(Path(plan["empty"]))
    _raise_open_files(plan["open_files"])
    os.chdir(plan["directory"])
    os.execvpe(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606 - that is its purpose


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
    main(Path(sys.argv[1]))
