"""A file that keeps lines safe while Redis is away: every append is fsynced, draining keeps the order."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from heartguard_common.files import sync_directory, whole_lines


class Spool:
    """An append-only file of lines, shared by the workers of one service."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draining = path.with_suffix(".draining")
        self._lock = threading.Lock()

    def append(self, line: bytes) -> None:
        """Store one line; it is on the disk when this returns. Raises OSError when the disk refuses."""
        with self._locked():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                _append(descriptor, line + b"\n")
            finally:
                os.close(descriptor)
            if fresh:
                sync_directory(self._path.parent)

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(_size(path) for path in (self._path, self._draining))

    def drain(self, send: Callable[[bytes], None]) -> int:
        """Hand each line to `send`, oldest first, and forget them when all were taken; returns their number.

        When `send` raises, the lines stay and are sent again: whoever takes them must know them by their ids.
        """
        sent = 0
        with self._locked():
            while self._draining.exists() or self._path.exists():
                if not self._draining.exists():
                    self._path.rename(self._draining)
                lines = self._draining.read_bytes().split(b"\n")
                # The last piece is empty, or what a crash in the middle of a write left: never acknowledged.
                for line in lines[:-1]:
                    send(line)
                self._draining.unlink()
                sent += len(lines) - 1
        return sent

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self._path.with_suffix(".lock").open("wb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _size(path: Path) -> int:
    # Asked in one go: whoever drains may take the file away between two questions.
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
