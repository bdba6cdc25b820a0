"""Long answers, taken from a service as fast as it gives them and kept for clients who read slowly.

A service has few threads, and writes an answer in one of them. So what a client has not read yet waits here, in memory
and then in a file without a name. Where there is no room the service has to wait for the client; few clients may make
it wait, and not for long.
"""

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import gevent
from gevent.event import Event

from heartguard_gateway.domain import Stream
from heartguard_gateway.upstream.byte_budget import ByteBudget
from heartguard_gateway.upstream.lanes import Lanes

MIB = 1024 * 1024
_READ = 64 * 1024
_STEP = MIB  # an answer of unknown length takes its space on the disk in such steps


class ReaderCutError(OSError):
    """The client was cut off. An OSError, because for the server its connection is broken."""


@dataclass(frozen=True)
class Pace:
    """How slow a reader may be: a time of grace in seconds, and from then on bytes per second."""

    grace: float
    minimum_rate: float

    def kept(self, seconds: float, taken: int) -> bool:
        """Whether reading this little in so many seconds is allowed."""
        return seconds <= self.grace + taken / self.minimum_rate


@dataclass(frozen=True)
class AnswerLimits:
    """What one worker keeps of answers, in bytes, and at which pace they have to be read.

    `one` is the memory for one answer, or all of it where that is at most `small`; `spare` has to be left free on the
    disk. What is more than `ahead` of a gentle reader is taken at `ahead_rate` bytes per second, so that a thousand of
    them are no load. `crowded` is for holders of more than an eighth of `disk`, `waited_for` for readers for whom a
    service has to wait.
    """

    one: int = 128 * 1024
    small: int = MIB
    memory: int = 32 * MIB
    disk: int = 2048 * MIB
    spare: int = 1024 * MIB
    ahead: int = MIB
    ahead_rate: int = 8 * MIB
    ordinary: Pace = Pace(20.0, 4096.0)
    crowded: Pace = Pace(20.0, 16_384.0)
    waited_for: Pace = Pace(5.0, 65_536.0)


class Source(Protocol):
    """A service's answer as it arrives. Iterating raises where it breaks off; `close` also ends a wait for it."""

    def __iter__(self) -> Iterator[bytes]:
        """The blocks."""

    def close(self) -> None:
        """Give up the rest."""


@dataclass(frozen=True)
class Reader:
    """Who reads an answer: whose share it takes, the lanes of those for whom a service waits, how to cut it off.

    `gentle`: its service has a thread for it, so that nothing needs to hurry while the reader does not.
    """

    holder: str
    lanes: Lanes
    cut: Callable[[], None]
    gentle: bool = False


@dataclass(frozen=True)
class Space:
    """What was found for an answer before it began: bytes for all of it, or a lane of those who wait."""

    memory: int = 0
    disk: int = 0
    lane: bool = False


class Answers:
    """The answers that one worker keeps. `count` gets each reader that was cut off, and why."""

    def __init__(
        self,
        directory: Path,
        limits: AnswerLimits | None = None,
        *,
        count: Callable[[str], None] = lambda _why: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or AnswerLimits()
        self.memory = ByteBudget(self.limits.memory)
        self.disk = ByteBudget(self.limits.disk)
        self.count = count
        self.monotonic = monotonic
        self._directory = directory
        self._open: set[KeptAnswer] = set()

    def keep(self, source: Source, length: int | None, reader: Reader) -> "Stream | None":
        """An answer of `length` bytes, or of unknown length, for a reader; None where neither space nor lane is left.

        It is taken from its source from now on, read or not.
        """
        space = Space()
        if length is not None:
            if length <= self.limits.small and self.memory.take(reader.holder, length):
                space = Space(memory=length)
            elif self.reserve(reader.holder, length):
                space = Space(disk=length)
            elif reader.lanes.enter(reader.holder, 0):
                space = Space(lane=True)
            else:
                return None
        answer = KeptAnswer(self, source, reader, space)
        self._open.add(answer)
        return answer

    def sweep(self) -> None:
        """Close the connections of clients that read too slowly; to be called about every second."""
        for answer in list(self._open):
            answer.keep_pace()

    def reserve(self, holder: str, size: int) -> bool:
        """Take space on the disk, as long as enough of that is left for everybody else."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            found = os.statvfs(self._directory)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize - size > self.limits.spare and self.disk.take(holder, size)

    def file(self) -> IO[bytes]:
        """A file without a name. Raises OSError."""
        return tempfile.TemporaryFile(dir=self._directory, buffering=0)

    def forget(self, answer: "KeptAnswer") -> None:
        """It is over."""
        self._open.discard(answer)


class KeptAnswer:
    """One answer between its service and its reader; blocks in memory are older than those in the file."""

    unbuffered = True  # the head leaves at once: the first block may take its time

    def __init__(self, answers: Answers, source: Source, reader: Reader, space: Space) -> None:
        self._answers = answers
        self._source = source
        self._reader = reader
        self._space = space
        self._reserved = space.disk
        self._lane = space.lane
        self._blocks: deque[tuple[bytes, int]] = deque()  # with the memory taken for each
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._written = self._read = 0  # places in the file
        self._arrived, self._taken_out = Event(), Event()
        self._complete = self._closed = False
        self._error: Exception | None = None
        self._given = 0
        self._reading = 0.0
        self._handed_out: float | None = None
        self._pump: Any = gevent.spawn(self._take_in)

    def __iter__(self) -> Iterator[bytes]:
        """The blocks. Where the service broke off this raises after what came before, as the service's stream does."""
        while (block := self._next()) is not None:
            self._given += len(block)
            self._handed_out = self._answers.monotonic()
            yield block
            self._reading, self._handed_out = self._seconds_reading(), None

    def close(self) -> None:
        """Release everything; may be called again."""
        if self._closed:
            return
        self._closed = True
        self._pump.kill(block=False)
        self._leave_service()
        self._answers.forget(self)
        self._blocks.clear()
        self._answers.memory.give(self._reader.holder, self._in_memory + self._space.memory)
        self._answers.disk.give(self._reader.holder, self._reserved)
        self._in_memory = self._reserved = 0
        if self._file is not None:
            self._file.close()

    def keep_pace(self) -> None:
        """Cut the reader off where it has been too slow."""
        limits = self._answers.limits
        if self._lane:
            why, pace = "waited for", limits.waited_for
        elif self._answers.disk.crowded(self._reader.holder):
            why, pace = "crowded", limits.crowded
        else:
            why, pace = "slow", limits.ordinary
        if not pace.kept(self._seconds_reading(), self._given):
            self._cut(why)

    def _seconds_reading(self) -> float:
        """How long the reader has had something to read, all in all."""
        return self._reading + (0 if self._handed_out is None else self._answers.monotonic() - self._handed_out)

    def _cut(self, why: str) -> None:
        self._answers.count(why)
        self._error = ReaderCutError()
        self._reader.cut()
        self._answers.forget(self)
        self._pump.kill(block=False)
        self._arrived.set()

    def _take_in(self) -> None:
        """The body of a greenlet: take the answer from the service."""
        try:
            for block in self._source:
                if self._closed or self._error:  # it may run once more before it is killed
                    return
                self._put(block)
                self._arrived.set()
                # The reader's turn, and everybody else's: a service may be faster than all of them.
                gevent.sleep(self._pause(len(block)))
            self._complete = True
        except Exception as error:  # noqa: BLE001  whatever it was, the reader has to learn of it
            self._error = self._error or error
        finally:
            self._leave_service()
            self._arrived.set()

    def _pause(self, size: int) -> float:
        """Seconds to wait after a block of this size."""
        limits = self._answers.limits
        far = self._reader.gentle and self._written - self._read > limits.ahead
        return size / limits.ahead_rate if far else 0

    def _put(self, block: bytes) -> None:
        """Keep a block. Where there is no room the service waits for the reader. Raises `ReaderCutError`."""
        while not self._kept(block):
            if not self._lane:
                if not self._reader.lanes.enter(self._reader.holder, 0):
                    self._cut("no room")
                    raise ReaderCutError
                self._lane = True
            self._taken_out.clear()
            self._taken_out.wait()

    def _kept(self, block: bytes) -> bool:
        """Whether there was room; an answer of which nothing waits always finds some."""
        if self._read == self._written:
            fits = not self._space.memory and self._in_memory + len(block) <= self._answers.limits.one
            if fits and self._answers.memory.take(self._reader.holder, len(block)):
                self._in_memory += len(block)
                self._blocks.append((block, len(block)))
                return True
            if self._space.memory or not self._blocks:
                self._blocks.append((block, 0))
                return True
        return self._spilled(block)

    def _spilled(self, block: bytes) -> bool:
        """Whether the file took it."""
        if self._written + len(block) > self._reserved:
            if not self._answers.reserve(self._reader.holder, _STEP):
                return False
            self._reserved += _STEP
        place, view = self._written, memoryview(block)
        try:
            if self._file is None:
                self._file = self._answers.file()
            while view:
                done = os.pwrite(self._file.fileno(), view, place)
                place, view = place + done, view[done:]
        except OSError:
            return False
        self._written = place
        return True

    def _next(self) -> bytes | None:
        """The next block, None at the end. Raises what the service's stream raised."""
        while True:
            if self._blocks:
                block, size = self._blocks.popleft()
                self._in_memory -= size
                self._answers.memory.give(self._reader.holder, size)
            elif self._read < self._written:
                block = self._next_of_file()
            elif self._error is not None:
                raise self._error
            elif self._complete:
                return None
            else:
                self._arrived.clear()
                self._arrived.wait()
                continue
            self._taken_out.set()
            return block

    def _next_of_file(self) -> bytes:
        assert self._file is not None  # something was written
        block = os.pread(self._file.fileno(), min(_READ, self._written - self._read), self._read)
        self._read += len(block)
        if self._read == self._written:  # begin anew, so that the space is what waits and not what has gone
            self._file.truncate(0)
            self._read = self._written = 0
            self._answers.disk.give(self._reader.holder, self._reserved - self._space.disk)
            self._reserved = self._space.disk
        return block

    def _leave_service(self) -> None:
        """Give the service's connection back, and the lane."""
        self._source.close()
        if self._lane:
            self._lane = False
            self._reader.lanes.leave(self._reader.holder)
