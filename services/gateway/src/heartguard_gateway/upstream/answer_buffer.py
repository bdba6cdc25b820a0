"""Where the bytes of long answers are kept until they are read: in memory, then in a file without a name."""

import os
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from heartguard_gateway.upstream.answer_limits import MIB, AnswerLimits
from heartguard_gateway.upstream.byte_budget import ByteBudget

_READ = 64 * 1024
_STEP = MIB  # an answer of unknown length takes its space on the disk in such steps


@dataclass(frozen=True)
class Space:
    """Bytes that were taken for all of an answer before it began."""

    memory: int = 0
    disk: int = 0


class AnswerStorage:
    """Memory and disk that one worker has for answers."""

    def __init__(self, directory: Path, limits: AnswerLimits) -> None:
        self.limits = limits
        self.memory = ByteBudget(limits.memory)
        self.disk = ByteBudget(limits.disk)
        self._directory = directory

    def space_for(self, holder: str, length: int) -> Space | None:
        """Space for an answer of this length; None where there is none."""
        if length <= self.limits.small and self.memory.take(holder, length):
            return Space(memory=length)
        return Space(disk=length) if self.reserve(holder, length) else None

    def reserve(self, holder: str, size: int) -> bool:
        """Take space on the disk, as long as enough of it is left for all other programs."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            found = os.statvfs(self._directory)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize - size > self.limits.spare and self.disk.take(holder, size)

    def file(self) -> IO[bytes]:
        """A file without a name. Raises OSError."""
        return tempfile.TemporaryFile(dir=self._directory, buffering=0)


class AnswerBuffer:
    """What has arrived of one answer and was not read yet; blocks in memory are older than those in the file."""

    def __init__(self, storage: AnswerStorage, holder: str, space: Space) -> None:
        self._storage = storage
        self._holder = holder
        self._space = space
        self._reserved = space.disk
        self._blocks: deque[tuple[bytes, int]] = deque()  # with the memory taken for each
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._written = self._read = 0  # positions in the file

    @property
    def in_file(self) -> int:
        """Bytes in the file that were not read yet."""
        return self._written - self._read

    def put(self, block: bytes) -> bool:
        """Keep a block; False where there is no room. An empty buffer takes one always."""
        if self._read == self._written:
            fits = not self._space.memory and self._in_memory + len(block) <= self._storage.limits.one
            if fits and self._storage.memory.take(self._holder, len(block)):
                self._in_memory += len(block)
                self._blocks.append((block, len(block)))
                return True
            if self._space.memory or not self._blocks:
                self._blocks.append((block, 0))
                return True
        return self._write(block)

    def take(self) -> bytes | None:
        """The oldest block, None where there is none."""
        if self._blocks:
            block, size = self._blocks.popleft()
            self._in_memory -= size
            self._storage.memory.give(self._holder, size)
            return block
        return self._read_file() if self._read < self._written else None

    def release(self) -> None:
        """Give all space back."""
        self._blocks.clear()
        self._storage.memory.give(self._holder, self._in_memory + self._space.memory)
        self._storage.disk.give(self._holder, self._reserved)
        self._in_memory = self._reserved = 0
        if self._file is not None:
            self._file.close()

    def _write(self, block: bytes) -> bool:
        """Whether the file took it."""
        if self._written + len(block) > self._reserved:
            if not self._storage.reserve(self._holder, _STEP):
                return False
            self._reserved += _STEP
        position, view = self._written, memoryview(block)
        try:
            if self._file is None:
                self._file = self._storage.file()
            while view:
                done = os.pwrite(self._file.fileno(), view, position)
                position, view = position + done, view[done:]
        except OSError:
            return False
        self._written = position
        return True

    def _read_file(self) -> bytes:
        assert self._file is not None  # something was written
        block = os.pread(self._file.fileno(), min(_READ, self._written - self._read), self._read)
        self._read += len(block)
        if self._read == self._written:  # begin anew, so that only what was not read yet takes space
            self._file.truncate(0)
            self._read = self._written = 0
            self._storage.disk.give(self._holder, self._reserved - self._space.disk)
            self._reserved = self._space.disk
        return block
