"""Which programs run: every process of a program holds its lock, so a free lock means that none runs."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout


def held(lock: Path) -> bool:
    """Whether a process of the program runs."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def pid_of(lock: Path) -> int | None:
    """The program's first process, as it noted itself; meaningful while the lock is held."""
    text = lock.read_text().strip() if lock.exists() else ""
    return int(text) if text.isdecimal() else None


def running(layout: Layout, names: Sequence[str]) -> list[str]:
    """Those of the programs of which a process runs."""
    return [name for name in names if held(layout.lock(name))]


def wait_free(layout: Layout, names: Sequence[str], seconds: float) -> list[str]:
    """Wait until no process of the programs runs; returns those of which one still does after `seconds`."""
    deadline = time.monotonic() + seconds
    while left := running(layout, names):
        if time.monotonic() > deadline:
            return left
        time.sleep(0.05)
    return []


def end(layout: Layout, names: Sequence[str], signal_name: str, seconds: float) -> None:
    """End programs without a supervisor, all at once: by SIGTERM first, then by SIGKILL.

    Raises `CommandError` for one that does not end.
    """
    for sent, wait_seconds in ((f"SIG{signal_name}", seconds), ("SIGKILL", 5.0)):
        for name in running(layout, names):
            pid = pid_of(layout.lock(name))
            # the group: workers whose master has died are in it, and its number is not given away before they end
            with contextlib.suppress(ProcessLookupError):
                if pid is not None:
                    os.killpg(pid, signal.Signals[sent])
                    os.killpg(pid, signal.SIGCONT)
        if not wait_free(layout, names, wait_seconds):
            return
    left = ", ".join(f"{name} (process {pid_of(layout.lock(name))})" for name in running(layout, names))
    raise CommandError(f"{left} does not end: end it yourself and start again")


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Let one command at a time start or stop the system; a second one waits for the first."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another command is starting or stopping HeartGuard: waiting for it", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def note(lock: Path, pid: int) -> None:
    """Note another process as the program's first one, as `launch` does."""
    descriptor = os.open(lock, os.O_RDWR)
    try:
        os.pwrite(descriptor, b"%-20d" % pid, 0)
    finally:
        os.close(descriptor)
