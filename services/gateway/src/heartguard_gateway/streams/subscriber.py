"""One open stream: its socket without a greenlet, and the bytes that its client has not taken yet."""

import _socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gevent.hub import get_hub

from heartguard_common.identity.authentication import Principal
from heartguard_gateway.streams import frames
from heartguard_gateway.streams.cursors import Position
from heartguard_gateway.streams.view import View

MAX_UNSENT = 256 * 1024
SEND_BUFFER = 64 * 1024
STALLED_SECONDS = 30.0
_READ, _WRITE = 1, 2
_RESET = struct.pack("ii", 1, 0)  # close() discards what was not sent


class Subscriber:
    """A client that receives events.

    It is written to without waiting. What the kernel does not take is kept, up to `MAX_UNSENT` bytes for at most
    `STALLED_SECONDS`: then the client is too slow, and is cut off. `ended` is called once, with the reason. `modes` are
    those of an organization, besides active, in which it may go on.
    """

    __slots__ = (
        *("_chunked", "_reader", "_socket", "_unsent", "_writer", "closed", "ended", "last_sent", "modes", "position"),
        *("principal", "published", "request_id", "shown", "stalled_since", "view"),
    )

    def __init__(
        self,
        descriptor: int,
        view: View,
        principal: Principal,
        request_id: str,
        *,
        modes: frozenset[str],
        chunked: bool,
        ended: Callable[["Subscriber", str], object],
    ) -> None:
        self._socket = _socket.socket(fileno=descriptor)
        self._socket.setblocking(False)  # noqa: FBT003  it takes no keyword
        with suppress(OSError):
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SEND_BUFFER)
        self.view = view
        self.principal = principal
        self.request_id = request_id
        self.modes = modes
        self.ended = ended
        self._chunked = chunked
        self._unsent = b""
        self._writer: Any = None
        self._reader: Any = get_hub().loop.io(descriptor, _READ)
        self._reader.start(self._readable)
        self.closed = False
        self.last_sent = self.stalled_since = time.monotonic()
        self.position: Position | None = None
        self.shown: dict[int, int] | None = None
        self.published = 0.0

    def send(self, plain: bytes, chunked: bytes) -> None:
        """Send bytes, given as they are and as a chunk. Never raises: a client that is gone or too slow ends."""
        if self.closed:
            return
        data = chunked if self._chunked else plain
        self.last_sent = time.monotonic()
        if self._unsent:
            self._keep(data)
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close("gone")
            return
        if sent < len(data):
            self.stalled_since = self.last_sent
            self._keep(data[sent:])

    def stalled(self, now: float) -> bool:
        """Whether nothing of what waits was taken for too long."""
        return bool(self._unsent) and now - self.stalled_since > STALLED_SECONDS

    def say_bye(self, data: bytes, reason: str) -> None:
        """Send the last event and close the connection; what a slow client has not taken by then is lost."""
        if not self.closed:
            self.send(data, frames.chunk(data) + frames.LAST_CHUNK)
            self.close(reason)

    def close(self, reason: str) -> None:
        """Close the connection. May be called again."""
        if self.closed:
            return
        self.closed = True
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
        with suppress(OSError):
            if reason == "slow":
                self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
            else:
                self._socket.shutdown(_socket.SHUT_WR)
        self._socket.close()
        self._unsent = b""
        self.ended(self, reason)

    def _keep(self, data: bytes) -> None:
        if len(self._unsent) + len(data) > MAX_UNSENT:
            self.close("slow")
            return
        self._unsent += data
        if self._writer is None:
            self._writer = get_hub().loop.io(self._socket.fileno(), _WRITE)
            self._writer.start(self._writable)

    def _writable(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self.close("gone")
            return
        self._unsent = self._unsent[sent:]
        self.stalled_since = time.monotonic()
        if not self._unsent and self._writer is not None:
            self._writer.stop()
            self._writer.close()
            self._writer = None

    def _readable(self) -> None:
        """A client has nothing to say: bytes are dropped, the end of the connection ends the stream."""
        try:
            if self._socket.recv(4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close("gone")
