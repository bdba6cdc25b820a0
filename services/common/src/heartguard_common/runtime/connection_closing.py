"""Ends connections whose peer may still be sending, so that it can read the answer first (RFC 9112 section 9.6)."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_BLOCK = 64 * 1024
_WAKE = b"\0"


@dataclass
class _Allowed:
    """Until when a peer may go on sending, and how many bytes."""

    until: float
    size: int


class ClosingConnections:
    """One thread that closes any number of sockets: their sending half at once, the rest when the peer has closed.

    A peer is given `seconds` and `size` bytes; then the connection is cut.
    """

    def __init__(
        self, seconds: float = 2.0, size: int = 1024 * 1024, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._new: list[socket.socket] = []
        self._open: dict[socket.socket, _Allowed] = {}
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="connection closing", daemon=True)
        self._thread.start()

    def close(self, connection: socket.socket) -> None:
        """Close a socket, now or later; the caller does not wait."""
        with self._lock:
            self._new.append(connection)
        self._waker.send(_WAKE)

    def stop(self) -> None:
        """Wait for the peers that have not closed yet, for as long as one may take, and stop."""
        self._stopping = True
        self._waker.send(_WAKE)
        self._thread.join(self._seconds + 1)

    def _run(self) -> None:
        while not (self._stopping and not self._open):
            soonest = min((allowed.until for allowed in self._open.values()), default=None)
            for key, _ in self._selector.select(None if soonest is None else max(soonest - self._monotonic(), 0)):
                if key.fileobj is self._woken:
                    self._begin()
                else:
                    self._discard(key.data)
            now = self._monotonic()
            for connection in [one for one, allowed in self._open.items() if allowed.until <= now]:
                self._close(connection)
        self._selector.close()
        self._woken.close()
        self._waker.close()

    def _begin(self) -> None:
        self._woken.recv(_BLOCK)
        with self._lock:
            connections, self._new = self._new, []
        for connection in connections:
            self._open[connection] = _Allowed(self._monotonic() + self._seconds, self._size)
            try:
                connection.settimeout(0)
                self._selector.register(connection, selectors.EVENT_READ, connection)
                connection.shutdown(socket.SHUT_WR)
            except (OSError, ValueError):  # closed already, by us or by the peer
                self._close(connection)

    def _discard(self, connection: socket.socket) -> None:
        """Read and discard; close at the end of the stream, or when it was too much."""
        try:
            read = len(connection.recv(_BLOCK))
        except BlockingIOError:
            return
        except OSError:
            read = 0
        self._open[connection].size -= read
        if not read or self._open[connection].size <= 0:
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        del self._open[connection]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        connection.close()
