"""One connection to a service."""

import time
from collections.abc import Callable

from gevent import socket

from heartguard_gateway.sockets import readable, send_all
from heartguard_gateway.upstream.message import BadAnswer, Message

_RECEIVE = 64 * 1024
_MAX_HEAD = 64 * 1024


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
