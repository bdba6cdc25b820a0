"""Durable writes to files."""

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a full disk, and of a used up quota."""


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, which fsync(2) of a new or renamed file does not do."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_lines(descriptor: int) -> int:
    """Cut off an incomplete line that a crash left at the end of a file; returns the file's size in bytes."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    size = os.pread(descriptor, size, 0).rfind(b"\n") + 1
    os.ftruncate(descriptor, size)
    return size


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Append lines to a file, which is created where it is missing; they are on the disk when this returns.

    Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "rb+", buffering=0) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        whole_lines(descriptor)
        data = b"".join(line + b"\n" for line in lines)
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    if fresh:
        sync_directory(path.parent)
