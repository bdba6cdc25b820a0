"""The gateway's HTTP/1.1 client: pooled connections, deadlines, careful retries, a breaker, bounded memory.

A streamed body is never sent twice; what the client does wrong is never held against the service, nor is one route that
takes too long while the service answers others.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from heartguard_gateway.domain import Reply
from heartguard_gateway.ports import Inbound, Outbound
from heartguard_gateway.upstream.answer_stream import AnswerStream
from heartguard_gateway.upstream.breaker import Breaker, RetryBudget
from heartguard_gateway.upstream.connection import Connection
from heartguard_gateway.upstream.failures import Failures, unavailable
from heartguard_gateway.upstream.kept_answers import Answers, Reader
from heartguard_gateway.upstream.limits import UpstreamLimits
from heartguard_gateway.upstream.message import BadAnswer, Message
from heartguard_gateway.upstream.pool import Pool
from heartguard_gateway.upstream.request_writing import head_of, send_blocks
from heartguard_gateway.upstream.service_lanes import ServiceLanes, is_streamed

# RFC 9110 section 9.2.2 lets PUT be repeated too, but ours to /media/upload makes an item each time.
REPEATABLE = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
COLLECT = 64 * 1024  # an answer up to this size is read at once


class Upstream:
    """One service behind the gateway, as one worker sees it."""

    def __init__(
        self,
        name: str,
        url: str,
        limits: UpstreamLimits | None = None,
        *,
        health: str | None = None,
        answers: Answers | None = None,
        count: Callable[[str, str], None] = lambda _name, _event: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        self._limits = limits = limits or UpstreamLimits()
        self._authority = parts.netloc
        self._health = health
        self._count = partial(count, name)
        self._pool = Pool(host, port, limits.connections, limits.connect, limits.idle, monotonic)
        self._lanes = ServiceLanes(limits, self._count, monotonic)
        self._breaker = Breaker(limits.failures, limits.open, monotonic)
        self._failures = Failures(self._breaker, self._is_healthy, self._count)
        self._budget = RetryBudget(limits.retry_ratio)
        self._answers = answers or Answers(Path(tempfile.gettempdir()))

    def send(self, outbound: Outbound) -> Inbound:
        """Send a request and give back its answer; see `ports.Service`."""
        wait, tries = self._breaker.enter()
        if wait > 0:
            raise unavailable(wait)
        try:
            if outbound.long:
                return self._send_for_long_answer(outbound)
            lane = self._lanes.lane_for_body(outbound)
            if lane is None:
                return self._send(outbound)
            with self._lanes.slot(lane, outbound.holder):
                return self._send(outbound)
        finally:
            if tries:
                self._breaker.leave()

    @property
    def state(self) -> Mapping[str, float]:
        """What this worker has to do with the service now: connections, lanes, and whether the breaker is open."""
        counts = {"busy": self._pool.busy, "idle": self._pool.idle, "streams": self._lanes.busy}
        return {**counts, "open": float(self._breaker.open)}

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    def _send_for_long_answer(self, outbound: Outbound) -> Inbound:
        """Send what has a long answer; its slot is given back when the service has given all of it."""
        self._lanes.enter_downloads(outbound.holder)
        inbound = None
        try:
            inbound = self._send(outbound)
        finally:
            if inbound is None or inbound.reply.stream is None:
                self._lanes.downloads.leave(outbound.holder)
        return inbound

    def _send(self, outbound: Outbound) -> Inbound:
        self._budget.deposit()
        may_repeat = outbound.method in REPEATABLE and not is_streamed(outbound)
        fresh = False
        while True:
            connection = self._take(fresh=fresh)
            try:
                inbound = self._exchange(connection, outbound)
            except (OSError, BadAnswer) as error:
                # A connection that was kept may have been closed while the request was on its way.
                again = connection.reused and connection.silent and not isinstance(error, TimeoutError)
                self._pool.discard(connection)
                if again and may_repeat and self._budget.withdraw():
                    self._count("retry")
                    fresh = True
                    continue
                raise self._failures.broken(connection, error) from error
            except BaseException:
                self._pool.discard(connection)
                raise
            self._breaker.succeeded()
            return inbound

    def _is_healthy(self) -> bool:
        """Whether the service answers its simplest question on a connection of its own."""
        if self._health is None:
            return False
        try:
            with closing(self._pool.probe()) as connection:
                connection.deadline(self._limits.probe)
                connection.send(head_of(Outbound("GET", self._health, [("connection", "close")]), self._authority))
                connection.read_head(bodiless=False)
        except (OSError, BadAnswer):
            return False
        return True

    def _take(self, *, fresh: bool) -> Connection:
        """A connection from the pool; while connecting nothing is sent, so any request may try twice."""
        if not self._pool.acquire(self._limits.wait):
            raise self._failures.no_connection_free()
        try:
            return self._pool.connect(fresh=fresh)
        except OSError as error:
            self._pool.release()
            raise self._failures.unreachable(error) from error
        except BaseException:
            self._pool.release()
            raise

    def _exchange(self, connection: Connection, outbound: Outbound) -> Inbound:
        head = head_of(outbound, self._authority)
        early = False
        body, block_seconds = outbound.body, self._limits.block
        if isinstance(body, bytes):
            connection.deadline(self._limits.answer)
            connection.send(head + body)
        else:
            connection.deadline(block_seconds)
            chunked = outbound.length is None
            early = send_blocks(connection, head, body, chunked=chunked, block_seconds=block_seconds)
            connection.deadline(self._limits.answer)
        message = connection.read_head(bodiless=outbound.method == "HEAD")
        return Inbound(self._reply(connection, message, outbound, keep=not early), early=early)

    def _reply(self, connection: Connection, message: Message, outbound: Outbound, *, keep: bool) -> Reply:
        length = message.length
        if message.complete or (length is not None and length <= COLLECT):
            connection.read_rest(message)
            body = message.take()
            self._pool.give_back(connection, keep=keep and message.keep_alive)
            return Reply(message.status, message.headers, body)
        is_event_stream = message.is_event_stream
        if is_event_stream:
            self._lanes.enter_streams(outbound.holder)

        def done(*, clean: bool) -> None:
            if is_event_stream:
                self._lanes.streams.leave(outbound.holder)
            if outbound.long:
                self._lanes.downloads.leave(outbound.holder)
            self._pool.give_back(connection, keep=clean and keep and message.keep_alive)

        stream = AnswerStream(connection, message, self._limits.block, done)
        if is_event_stream:  # its events are sent on at once and not kept
            return Reply(message.status, message.headers, stream=stream)
        reader = Reader(outbound.holder, self._lanes.waiting, outbound.cut, has_slot=outbound.long)
        kept = self._answers.keep(stream, length, reader)
        if kept is None:
            raise self._lanes.full(self._lanes.waiting)
        return Reply(message.status, message.headers, stream=kept)
