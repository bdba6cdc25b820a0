"""Long answers, taken from a service as fast as it gives them and kept for clients who read slowly.

A service has few threads, and writes an answer in one of them. So what a client has not read yet is kept here, in
memory and then in a file. Where there is no room the service has to wait for the client; few clients may make it wait,
and not for long.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gevent
from gevent.event import Event

from heartguard_gateway.domain import Stream
from heartguard_gateway.upstream.answer_buffer import AnswerBuffer, AnswerStorage, Space
from heartguard_gateway.upstream.answer_limits import AnswerLimits
from heartguard_gateway.upstream.byte_budget import ByteBudget
from heartguard_gateway.upstream.lane import Lane


class ReaderCutError(OSError):
    """The client was cut off. An OSError, because for the server its connection is broken."""


class Source(Protocol):
    """A service's answer as it arrives. Iterating raises where it breaks off; `close` also ends a wait for it."""

    def __iter__(self) -> Iterator[bytes]:
        """The blocks."""

    def close(self) -> None:
        """Give up the rest."""


@dataclass(frozen=True)
class Reader:
    """The client that reads an answer: its holder, the lane of readers for which a service waits, how to cut it off.

    `has_slot`: it has a slot for a long answer, so its service has a thread for it and may be kept waiting.
    """

    holder: str
    lane: Lane
    cut: Callable[[], None]
    has_slot: bool = False


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
        self.storage = AnswerStorage(directory, self.limits)
        self.count = count
        self.monotonic = monotonic
        self._open: set[KeptAnswer] = set()

    @property
    def memory(self) -> ByteBudget:
        """The memory that answers take."""
        return self.storage.memory

    @property
    def disk(self) -> ByteBudget:
        """The space on the disk that answers take."""
        return self.storage.disk

    def keep(self, source: Source, length: int | None, reader: Reader) -> "Stream | None":
        """An answer of `length` bytes, or of unknown length, for a reader; None where neither space nor slot is left.

        It is taken from its source from now on, read or not.
        """
        space: Space | None = Space()
        if length is not None:
            space = self.storage.space_for(reader.holder, length)
            if space is None and not reader.lane.enter(reader.holder, 0):
                return None
        answer = KeptAnswer(self, source, reader, space)
        self._open.add(answer)
        return answer

    def sweep(self) -> None:
        """Close the connections of clients that read too slowly; to be called about every second."""
        for answer in list(self._open):
            answer.keep_pace()

    def forget(self, answer: "KeptAnswer") -> None:
        """Forget an answer that has ended."""
        self._open.discard(answer)


class KeptAnswer:
    """One answer between its service and its reader. Without `space` the reader has a slot in the lane already."""

    unbuffered = True  # the head leaves at once: the first block may take its time

    def __init__(self, answers: Answers, source: Source, reader: Reader, space: Space | None) -> None:
        self._answers = answers
        self._source = source
        self._reader = reader
        self._in_lane = space is None
        self._buffer = AnswerBuffer(answers.storage, reader.holder, space or Space())
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
        self._buffer.release()

    def keep_pace(self) -> None:
        """Cut the reader off where it has been too slow."""
        limits = self._answers.limits
        if self._in_lane:
            why, pace = "waited for", limits.waited_for
        elif self._answers.disk.crowded(self._reader.holder):
            why, pace = "crowded", limits.crowded
        else:
            why, pace = "slow", limits.ordinary
        if self._seconds_reading() > pace.allowed(self._given):
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
                # Let the reader and all other greenlets run: a service may be faster than all of them.
                gevent.sleep(self._pause(len(block)))
            self._complete = True
        except Exception as error:  # noqa: BLE001  of any kind: the reader has to learn of it
            self._error = self._error or error
        finally:
            self._leave_service()
            self._arrived.set()

    def _pause(self, size: int) -> float:
        """Seconds to wait after a block of this size."""
        limits = self._answers.limits
        far = self._reader.has_slot and self._buffer.in_file > limits.ahead
        return size / limits.ahead_rate if far else 0

    def _put(self, block: bytes) -> None:
        """Keep a block. Where there is no room the service waits for the reader. Raises `ReaderCutError`."""
        while not self._buffer.put(block):
            if not self._in_lane:
                if not self._reader.lane.enter(self._reader.holder, 0):
                    self._cut("no room")
                    raise ReaderCutError
                self._in_lane = True
            self._taken_out.clear()
            self._taken_out.wait()

    def _next(self) -> bytes | None:
        """The next block, None at the end. Raises what the service's stream raised."""
        while (block := self._buffer.take()) is None:
            if self._error is not None:
                raise self._error
            if self._complete:
                return None
            self._arrived.clear()
            self._arrived.wait()
        self._taken_out.set()
        return block

    def _leave_service(self) -> None:
        """Give the service's connection back, and the slot."""
        self._source.close()
        if self._in_lane:
            self._in_lane = False
            self._reader.lane.leave(self._reader.holder)
