"""Redis by group commit: what the worker's greenlets send at one moment is one write.

Three outcomes stay apart: answered, not sent, and sent without an answer. An error reply (LOADING, READONLY, OOM)
is no answer: taken for one, an event would count as stored that is not.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import hiredis
from gevent.event import Event

from heartguard_gateway.redis_client.address import RedisAddress
from heartguard_gateway.redis_client.commands import Command, CommandBatch, RedisUnavailable
from heartguard_gateway.redis_client.pipelining import PipelinedConnection

_PATIENCE = 4  # time-outs that a caller waits at most, while others are answered
_LAST_LOOK = 0.001  # seconds; a sleep of 0 would not ask the kernel for news


class RedisConnection:
    """One connection of one worker.

    After a failure there is no new attempt for `pause` seconds, so that an outage costs requests nothing but the
    fallback.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.25,
        pause: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = RedisAddress.parse(url)
        self._timeout = timeout
        self._pause = pause
        self._monotonic = monotonic
        self._pending: list[CommandBatch] = []
        self._wake = Event()
        self._connection: PipelinedConnection | None = None
        self._writer: gevent.Greenlet | None = None
        self._unavailable_until = 0.0

    def call(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, one per command. Raises `RedisUnavailable`; an error reply raises it too, with its text."""
        if self._monotonic() < self._unavailable_until:
            raise RedisUnavailable("Redis was unavailable a moment ago", sent=False)
        if self._writer is None:
            self._writer = gevent.spawn(self._write)
        batch = CommandBatch(b"".join([hiredis.pack_command(command) for command in commands]), len(commands))
        self._pending.append(batch)
        self._wake.set()
        self._wait(batch)
        if batch.failed is not None:
            raise RedisUnavailable(batch.failed, sent=batch.sent)
        for reply in batch.replies:
            if isinstance(reply, hiredis.ReplyError):
                raise RedisUnavailable(str(reply), sent=True)
        return batch.replies

    def _wait(self, batch: CommandBatch) -> None:
        """Wait for a batch's replies; raises `RedisUnavailable` when Redis has been silent for the time-out.

        As long as replies keep coming the connection is busy, not broken: giving it up would turn load into an outage.
        """
        started = self._monotonic()
        while not batch.done.wait(self._timeout):
            gevent.sleep(_LAST_LOOK)  # it may be this process that was late: read what has arrived
            now = self._monotonic()
            heard = self._connection.heard if self._connection else 0.0
            silent = now - max(started, heard) >= self._timeout
            if not batch.done.is_set() and (silent or now - started >= _PATIENCE * self._timeout):
                batch.given_up = True
                if silent:
                    self._lose("no answer in time")
                raise RedisUnavailable("no answer in time", sent=batch.sent)

    def ping(self) -> None:
        """Ask whether Redis works. Raises `RedisUnavailable`."""
        self.call([("PING",)])

    def close(self) -> None:
        """Close the connection and end the greenlet."""
        if self._writer is not None:
            self._writer.kill()
            self._writer = None
        if self._connection is not None:
            self._connection.close("closed")
            self._connection = None

    def _lose(self, why: str) -> None:
        self._unavailable_until = self._monotonic() + self._pause
        if self._connection is not None:
            self._connection.close(why)
            self._connection = None

    def _write(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            gevent.sleep(0)  # other greenlets that are ready join this write
            batches = [batch for batch in self._pending if not batch.given_up]
            self._pending = []
            if batches:
                try:
                    self._open().send(batches)
                except (OSError, RedisUnavailable, hiredis.HiredisError) as error:
                    self._lose(str(error))
                    for batch in batches:
                        batch.failed = f"Redis can't be reached: {error}"
                        batch.done.set()

    def _open(self) -> PipelinedConnection:
        if self._connection is None or not self._connection.open:
            self._connection = PipelinedConnection(self._address.open(self._timeout), self._monotonic)
        return self._connection
