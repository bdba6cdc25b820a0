"""A file that stores lines while Redis is unavailable: every append is fsynced, and draining keeps the order."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from heartguard_common.core.files import sync_directory, whole_lines

BATCH = 100
Send = Callable[[Sequence[bytes]], None]


class Spool:
    """An append-only file of lines, shared by the processes of one machine.

    It has two locks. One is held during a whole drain; nothing waits for it. The other is held to append one line, and
    by a drain for the moment in which it renames the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draining = path.with_suffix(".draining")

    def append(self, line: bytes) -> None:
        """Store one line; it is on the disk when this returns. Raises OSError when it can't be written."""
        with self._locked(".lock"):
            fresh = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                _append(descriptor, line + b"\n")
            finally:
                os.close(descriptor)
            if fresh:
                sync_directory(self._path.parent)

    def empty(self) -> bool:
        """Whether there is no line to drain."""
        return not any(_size(path) for path in (self._path, self._draining))

    def drain(self, send: Send) -> int:
        """Call `send` with batches of lines, oldest first, and remove those that were sent; returns how many.

        Returns 0 at once while another thread or process drains. When `send` raises, its batch stays and is sent
        again, so the receiver must recognize lines that it already has.
        """
        sent = 0
        with self._locked(".drain.lock", wait=False) as mine:
            while mine and self._take():
                sent += self._pass_on(send)
        return sent

    def _take(self) -> bool:
        """Whether there is something to drain; later appends go to a new file."""
        if not self._draining.exists() and self._path.exists():
            with self._locked(".lock"):
                self._path.rename(self._draining)
        return self._draining.exists()

    def _pass_on(self, send: Send) -> int:
        sent = taken = 0
        with self._draining.open("rb") as file:
            try:
                # A last line without a line end was cut off by a crash during a write, and never acknowledged.
                while lines := [line[:-1] for line in islice(file, BATCH) if line.endswith(b"\n")]:
                    send(lines)
                    sent, taken = sent + len(lines), file.tell()
            except Exception:
                if taken:
                    file.seek(taken)
                    self._keep_only(file)
                raise
        self._draining.unlink()
        return sent

    def _keep_only(self, rest: BinaryIO) -> None:
        """Replace the file by its remaining lines; where they can't be written, the file stays as it is."""
        shorter = self._draining.with_suffix(".rest")
        with suppress(OSError):
            shorter.touch(0o600)
            with shorter.open("wb") as file:
                copyfileobj(rest, file)
                file.flush()
                os.fsync(file.fileno())
            shorter.replace(self._draining)

    @contextmanager
    def _locked(self, suffix: str, *, wait: bool = True) -> Iterator[bool]:
        """Whether the lock was taken; always True with `wait`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(suffix).open("wb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def _size(path: Path) -> int:
    # A single system call, because another process may remove the file between two.
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _append(descriptor: int, data: bytes) -> None:
    """Write all of `data` and fsync it, or leave the file as it was."""
    end = whole_lines(descriptor)
    try:
        written = os.write(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise
    if written != len(data):
        os.ftruncate(descriptor, end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
