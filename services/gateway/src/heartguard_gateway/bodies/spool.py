"""Request bodies that the gateway has read completely, and the bounds of how much of them it holds at once."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.errors import SPOOL_FULL

BLOCK = 64 * 1024
IN_MEMORY = 256 * 1024  # most batches of points; a file would cost each of them half a millisecond
RETRY_SECONDS = 5


@dataclass(frozen=True)
class SpoolLimits:
    """Bytes of bodies that one worker holds in memory and on the disk; one holder may take one part in `parts`."""

    memory: int = 64 * 1024 * 1024
    disk: int = 256 * 1024 * 1024
    parts: int = 4


class Budget:
    """Bytes that may be taken, and how many of them by one holder."""

    def __init__(self, size: int, share: int) -> None:
        self.size = size
        self.share = share
        self.used = 0
        self._holders: Counter[str] = Counter()

    def take(self, holder: str, size: int) -> bool:
        """Take bytes, or none of them where they are too many."""
        if self.used + size > self.size or self._holders[holder] + size > self.share:
            return False
        self.used += size
        self._holders[holder] += size
        return True

    def give(self, holder: str, size: int) -> None:
        """Give bytes back."""
        self.used -= size
        self._holders[holder] -= size
        if not self._holders[holder]:
            del self._holders[holder]


class BodySpool:
    """Where the bodies of one worker are kept. The files have no names, so that they end with the process."""

    def __init__(self, directory: Path, limits: SpoolLimits | None = None) -> None:
        limits = limits or SpoolLimits()
        self.memory = Budget(limits.memory, limits.memory // limits.parts)
        self.disk = Budget(limits.disk, limits.disk // limits.parts)
        self._directory = directory

    def open(self, holder: str) -> "Body":
        """An empty body. A holder is an organization, or the address of an anonymous client."""
        return Body(self, holder)

    def file(self) -> IO[bytes]:
        """A file without a name. Raises OSError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=self._directory, buffering=0)


class Body:
    """A body as it comes in: in memory up to 256 KiB, then in a file, unless memory is short before that."""

    def __init__(self, spool: BodySpool, holder: str) -> None:
        self._spool = spool
        self._holder = holder
        self._blocks: list[bytes] = []
        self._in_memory = 0
        self._on_disk = 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._in_memory + self._on_disk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, block: bytes) -> None:
        """Keep a block. Raises GW_015 where the limit is reached or the disk is full."""
        small = self._file is None and len(self) + len(block) <= IN_MEMORY
        if small and self._spool.memory.take(self._holder, len(block)):
            self._in_memory += len(block)
            self._blocks.append(block)
            return
        try:
            if self._file is None:
                self._move()
            self._append(block)
        except OSError as error:
            raise _full("The disk takes no more request bodies") from error

    def whole(self) -> bytes | None:
        """All of it where it is in memory; else None, and `__iter__` gives it in blocks, as often as it is asked."""
        return b"".join(self._blocks) if self._file is None else None

    @property
    def last(self) -> bytes:
        """The last four bytes, or what there is."""
        if self._file is None:
            return b"".join(self._blocks)[-4:]
        return os.pread(self._file.fileno(), 4, max(len(self) - 4, 0))

    def __iter__(self) -> Iterator[bytes]:
        """The body from its beginning, in blocks."""
        if self._file is None:
            yield from self._blocks
            return
        place = 0
        while block := os.pread(self._file.fileno(), BLOCK, place):
            place += len(block)
            yield block

    def close(self) -> None:
        """Give back memory and file; may be called again."""
        self._spool.memory.give(self._holder, self._in_memory)
        self._spool.disk.give(self._holder, self._on_disk)
        self._in_memory = self._on_disk = 0
        self._blocks = []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _move(self) -> None:
        """From memory to a file."""
        self._file = self._spool.file()
        blocks, self._blocks = self._blocks, []
        self._spool.memory.give(self._holder, self._in_memory)
        self._in_memory = 0
        for block in blocks:
            self._append(block)

    def _append(self, block: bytes) -> None:
        assert self._file is not None
        disk = self._spool.disk
        if not disk.take(self._holder, len(block)):
            raise _full(
                f"Request bodies over {IN_MEMORY} bytes may take {disk.size} bytes at once, "
                f"those of one client {disk.share}"
            )
        self._on_disk += len(block)
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]


def _full(text: str) -> ServiceError:
    return ServiceError(SPOOL_FULL, text, headers={"Retry-After": str(RETRY_SECONDS)})
