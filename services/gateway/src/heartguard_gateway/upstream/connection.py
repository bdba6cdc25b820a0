"""One connection to a service and the answer that is read from it."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import httptools
from gevent import socket

from heartguard_gateway.domain import Headers
from heartguard_gateway.sockets import readable, send_all

_RECEIVE = 64 * 1024
_MAX_HEAD = 64 * 1024
_NO_CONTENT = (204, 304)
_FIRST_FINAL = 200


class BadAnswer(Exception):  # noqa: N818  it is the service's answer that is bad
    """What the service sent is not an HTTP answer."""


class Message:
    """An answer as httptools reports it; `headers` in order and with repetitions."""

    def __init__(self, *, bodiless: bool) -> None:
        self.status = 0
        self.headers: Headers = []
        self.has_head = False
        self.complete = False
        self.keep_alive = False
        self.length: int | None = None
        self._bodiless = bodiless
        self._blocks: list[bytes] = []
        self._parser: Any = httptools.HttpResponseParser(self)

    @property
    def live(self) -> bool:
        """Whether this is an event stream, which has no end and must not be buffered."""
        kind = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return kind.lower().startswith("text/event-stream")

    def feed(self, data: bytes) -> None:
        """Take bytes from the wire. Raises `BadAnswer`."""
        if self.complete:
            self.keep_alive = False  # an answer to no question: what follows can't be trusted
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise BadAnswer from error

    def end(self) -> None:
        """The service has closed. Raises `BadAnswer` unless that is how this answer ends (RFC 9112 section 6.3)."""
        delimited = any(name.lower() == "transfer-encoding" for name, _ in self.headers)
        if not self.has_head or self.length is not None or delimited:
            raise BadAnswer
        self.complete, self.keep_alive = True, False

    def take(self) -> bytes:
        """The body as far as it has come since the last call."""
        blocks, self._blocks = self._blocks, []
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def forget_parser(self) -> None:
        """Parser and message hold each other: part them, or only the garbage collector can."""
        self._parser = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is there; the parser forgets status and keep-alive when the message ends."""
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL:
            return
        self.keep_alive = self._parser.should_keep_alive()
        self.has_head = True
        if self._bodiless or self.status in _NO_CONTENT:
            self.complete = True
            return
        declared = next((value for name, value in self.headers if name.lower() == "content-length"), None)
        self.length = int(declared) if declared is not None and declared.isdecimal() else None

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._blocks.append(body)

    def on_message_complete(self) -> None:
        """The end; an interim answer (RFC 9110 section 15.2) is forgotten, the final one is still to come."""
        if self.status < _FIRST_FINAL:
            self.headers = []
        else:
            self.complete = True


class Connection:
    """A connected socket. `silent` says that no byte of an answer has come, `reused` that it was kept from before."""

    def __init__(self, host: str, port: int, timeout: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._monotonic = monotonic
        self._deadline = 0.0
        self.reused = False
        self.silent = True
        self.idle_since = 0.0

    def deadline(self, seconds: float) -> None:
        """From now on, sending and receiving have this long together."""
        self._deadline = self._monotonic() + seconds

    def send(self, data: bytes) -> None:
        """Send all. Raises OSError, TimeoutError at the deadline."""
        self._socket.settimeout(self._left())
        send_all(self._socket, data)

    def receive(self) -> bytes:
        """What has come, empty at the end. Raises OSError, TimeoutError at the deadline."""
        self._socket.settimeout(self._left())
        data: bytes = self._socket.recv(_RECEIVE)
        if data:
            self.silent = False
        return data

    def readable(self) -> bool:
        """Whether something, or the end, can be read at once."""
        return readable(self._socket)

    def read_head(self, *, bodiless: bool) -> Message:
        """The final answer's head, with what came along with it. Raises OSError, `BadAnswer`."""
        message = Message(bodiless=bodiless)
        received = 0
        while not message.has_head:
            data = self.receive()
            received += len(data)
            if not data or received > _MAX_HEAD + _RECEIVE:
                raise BadAnswer
            message.feed(data)
        return message

    def read_rest(self, message: Message) -> None:
        """Read until the message is complete. Raises OSError, `BadAnswer`."""
        while not message.complete:
            data = self.receive()
            if data:
                message.feed(data)
            else:
                message.end()
        message.forget_parser()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _left(self) -> float:
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Done(Protocol):
    """Called once when a stream has ended."""

    def __call__(self, *, clean: bool) -> None:
        """`clean` says that the answer was read to its end."""


class AnswerStream:
    """An answer's body as it arrives; holds its connection until it ends or is closed."""

    unbuffered = True  # the head leaves at once: the first event of a stream may be minutes away

    def __init__(self, connection: Connection, message: Message, block_seconds: float, done: Done) -> None:
        self._connection = connection
        self._message = message
        self._block_seconds = block_seconds
        self._done: Done | None = done

    def __iter__(self) -> Iterator[bytes]:
        """The blocks. A service that stops in the middle raises, so that the client sees a cut and not an end."""
        try:
            while True:
                if block := self._message.take():
                    yield block
                if self._message.complete:
                    break
                self._connection.deadline(self._block_seconds)
                try:
                    data = self._connection.receive()
                except OSError as error:
                    raise BadAnswer from error  # an OSError would say that the client is gone
                if data:
                    self._message.feed(data)
                else:
                    self._message.end()
            self._finish(clean=True)
        finally:
            self._finish(clean=False)

    def close(self) -> None:
        """Give up the rest; also when nothing was read."""
        self._finish(clean=False)

    def _finish(self, *, clean: bool) -> None:
        done, self._done = self._done, None
        if done is not None:
            self._message.forget_parser()
            done(clean=clean)
