"""The gateway's HTTP/1.1 client: pooled connections, deadlines, careful retries, a breaker, flat memory.

Parsing is httptools'. A streamed body is never sent twice; what the client does wrong is never held against the
service, nor is one route that takes too long while the service answers others.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.bodies.spool import Body
from heartguard_gateway.domain import Reply
from heartguard_gateway.errors import LANES_FULL, UPSTREAM_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_UNAVAILABLE
from heartguard_gateway.ports import Inbound, Outbound
from heartguard_gateway.upstream.answers import Answers, Reader
from heartguard_gateway.upstream.connection import AnswerStream, BadAnswer, Connection, Message
from heartguard_gateway.upstream.lanes import Lanes
from heartguard_gateway.upstream.pool import Breaker, Pool, RetryBudget

# RFC 9110 section 9.2.2 lets PUT be repeated too, but ours to /media/upload makes an item each time.
REPEATABLE = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_ALWAYS_FRAMED = frozenset({"POST", "PUT", "PATCH"})
COLLECT = 64 * 1024


@dataclass(frozen=True)
class UpstreamLimits:
    """How much one worker asks of one service; times in seconds.

    `streams` is how many threads of the service may be held by bodies that come at a client's pace, `downloads` by
    answers that are long, `share` and `download_share` how many of them by one client: over all workers fewer than the
    service has, so that the others answer all else. `waiting` of the readers may make it wait, when there is no room.
    `documents` and `documents_share` are the same for large documents, which cost seconds of a process. Documents wait
    for their turn up to `turn`, downloads up to `download_turn`.
    """

    connections: int = 128
    streams: int = 3
    share: int = 2
    downloads: int = 3
    download_share: int = 1
    download_turn: float = 20.0
    waiting: int = 2
    waiting_share: int = 1
    documents: int = 3
    documents_share: int = 2
    turn: float = 10.0
    connect: float = 1.0
    wait: float = 2.0
    answer: float = 30.0
    block: float = 60.0
    idle: float = 60.0
    failures: int = 5
    open: float = 5.0
    retry_ratio: float = 0.2
    probe: float = 1.0


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
        self._name = name
        self._limits = limits or UpstreamLimits()
        self._authority = parts.netloc.encode("ascii")
        self._pool = Pool(host, port, self._limits.connections, self._limits.connect, self._limits.idle, monotonic)
        self._lanes = Lanes(self._limits.streams, self._limits.share, monotonic)
        self._documents = Lanes(self._limits.documents, self._limits.documents_share, monotonic)
        self._health = health
        self._breaker = Breaker(self._limits.failures, self._limits.open, monotonic)
        self._budget = RetryBudget(self._limits.retry_ratio)
        self._keep = answers or Answers(Path(tempfile.gettempdir()))
        self._downloads = Lanes(self._limits.downloads, self._limits.download_share, monotonic)
        self._waiting = Lanes(self._limits.waiting, self._limits.waiting_share, monotonic)
        self._count = count

    def send(self, outbound: Outbound) -> Inbound:
        """Send a request and give back its answer; see `ports.Service`."""
        wait, tries = self._breaker.enter()
        if wait > 0:
            raise self._unavailable(wait)
        try:
            if outbound.long:
                return self._send_in_lane(outbound)
            streamed = not isinstance(outbound.body, bytes | Body)
            if not streamed and not outbound.large:
                return self._send(outbound, streamed=False)
            lanes, turn = (self._lanes, self._limits.wait) if streamed else (self._documents, self._limits.turn)
            self._enter(lanes, outbound.holder, turn)
            try:
                return self._send(outbound, streamed=streamed)
            finally:
                lanes.leave(outbound.holder)
        finally:
            if tries:
                self._breaker.leave()

    def _send_in_lane(self, outbound: Outbound) -> Inbound:
        """Send what has a long answer; the lane is left when the service has given all of it."""
        self._enter(self._downloads, outbound.holder, self._limits.download_turn)
        inbound = None
        try:
            inbound = self._send(outbound, streamed=False)
        finally:
            if inbound is None or inbound.reply.stream is None:
                self._downloads.leave(outbound.holder)
        return inbound

    @property
    def state(self) -> Mapping[str, float]:
        """What this worker has to do with the service now: connections, lanes, and whether the breaker is open."""
        streams = self._lanes.busy + self._downloads.busy
        counts = {"busy": self._pool.busy, "idle": self._pool.idle, "streams": streams}
        return {**counts, "open": float(self._breaker.open)}

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    def _send(self, outbound: Outbound, *, streamed: bool) -> Inbound:
        self._budget.deposit()
        fresh = False
        while True:
            connection = self._take(fresh=fresh)
            try:
                inbound = self._exchange(connection, outbound)
            except (OSError, BadAnswer) as error:
                # A connection that was kept may have been closed while the request was on its way.
                again = connection.reused and connection.silent and not isinstance(error, TimeoutError)
                self._pool.discard(connection)
                if again and not streamed and outbound.method in REPEATABLE and self._budget.withdraw():
                    self._count(self._name, "retry")
                    fresh = True
                    continue
                self._blame(connection, error)
                raise self._as_service_error(error) from error
            except BaseException:
                self._pool.discard(connection)
                raise
            self._breaker.succeeded()
            return inbound

    def _blame(self, connection: Connection, error: Exception) -> None:
        """Count a failure, if it is the service's: not one slow route's, not the end of a connection kept too long."""
        if isinstance(error, TimeoutError):
            if self._health is not None and self._answers(self._health):
                self._breaker.succeeded()
                return
        elif connection.reused and connection.silent:
            return  # a service that is down fails the next connection
        self._breaker.failed()

    def _answers(self, path: str) -> bool:
        """Whether the service answers its simplest question on a connection of its own."""
        try:
            with closing(self._pool.probe()) as connection:
                connection.deadline(self._limits.probe)
                connection.send(self._head(Outbound("GET", path, [("connection", "close")])))
                connection.read_head(bodiless=False)
        except (OSError, BadAnswer):
            return False
        return True

    def _take(self, *, fresh: bool) -> Connection:
        """A connection from the pool; while connecting nothing is sent, so any request may try twice."""
        if not self._pool.acquire(self._limits.wait):
            self._count(self._name, "exhausted")
            raise self._unavailable(1.0)
        try:
            return self._pool.connect(fresh=fresh)
        except OSError as error:
            self._pool.release()
            self._breaker.failed()
            raise self._as_service_error(error) from error
        except BaseException:
            self._pool.release()
            raise

    def _exchange(self, connection: Connection, outbound: Outbound) -> Inbound:
        head = self._head(outbound)
        early = False
        body = outbound.body
        if isinstance(body, bytes):
            connection.deadline(self._limits.answer)
            connection.send(head + body)
        else:
            connection.deadline(self._limits.block)
            early = self._stream(connection, head, body, chunked=outbound.length is None)
            connection.deadline(self._limits.answer)
        message = connection.read_head(bodiless=outbound.method == "HEAD")
        return Inbound(self._reply(connection, message, outbound, keep=not early), early=early)

    def _stream(self, connection: Connection, head: bytes, body: Iterable[bytes], *, chunked: bool) -> bool:
        """Send block by block; True when the service answered before it had all."""
        try:
            connection.send(head)
            for block in body:
                if connection.readable():
                    return True
                connection.deadline(self._limits.block)
                connection.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            if chunked:
                connection.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            # Its answer, if it gave one before it hung up, is still to be read.
            return True
        return False

    def _reply(self, connection: Connection, message: Message, outbound: Outbound, *, keep: bool) -> Reply:
        length = message.length
        if message.complete or (length is not None and length <= COLLECT):
            connection.read_rest(message)
            body = message.take()
            self._pool.give_back(connection, keep=keep and message.keep_alive)
            return Reply(message.status, message.headers, body)
        live = message.live
        if live:
            self._enter(self._lanes, outbound.holder, self._limits.wait)

        def done(*, clean: bool) -> None:
            if live:
                self._lanes.leave(outbound.holder)
            if outbound.long:
                self._downloads.leave(outbound.holder)
            self._pool.give_back(connection, keep=clean and keep and message.keep_alive)

        stream = AnswerStream(connection, message, self._limits.block, done)
        if live:  # its events are worth something only now
            return Reply(message.status, message.headers, stream=stream)
        reader = Reader(outbound.holder, self._waiting, outbound.cut, gentle=outbound.long)
        kept = self._keep.keep(stream, length, reader)
        if kept is None:
            raise self._lanes_full(self._waiting)
        return Reply(message.status, message.headers, stream=kept)

    def _head(self, outbound: Outbound) -> bytes:
        lines = [f"{outbound.method} {outbound.target} HTTP/1.1", f"host: {self._authority.decode()}"]
        lines += [f"{name}: {value}" for name, value in outbound.headers]
        if not isinstance(outbound.body, bytes):
            framing = "transfer-encoding: chunked" if outbound.length is None else f"content-length: {outbound.length}"
            lines.append(framing)
        elif outbound.body or outbound.method in _ALWAYS_FRAMED:
            lines.append(f"content-length: {len(outbound.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _enter(self, lanes: Lanes, holder: str, turn: float) -> None:
        if not lanes.enter(holder, turn):
            raise self._lanes_full(lanes)

    def _lanes_full(self, lanes: Lanes) -> ServiceError:
        self._count(self._name, "documents_exhausted" if lanes is self._documents else "streams_exhausted")
        text = f"One process passes on {lanes.size} such requests at once, {lanes.share} of one client"
        return ServiceError(LANES_FULL, text, headers={"Retry-After": "5"})

    def _unavailable(self, wait: float) -> ServiceError:
        return ServiceError(UPSTREAM_UNAVAILABLE, headers={"Retry-After": str(max(1, math.ceil(wait)))})

    def _as_service_error(self, error: Exception) -> ServiceError:
        if isinstance(error, TimeoutError):
            self._count(self._name, "timeout")
            return ServiceError(UPSTREAM_TIMEOUT)
        self._count(self._name, "failure")
        return ServiceError(UPSTREAM_FAILED)
