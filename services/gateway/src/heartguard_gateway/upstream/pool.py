"""The connections of one worker to one service: a bounded number, kept for the next request."""

from collections import deque
from collections.abc import Callable

from gevent.lock import BoundedSemaphore

from heartguard_gateway.upstream.connection import Connection


class Pool:
    """At most `size` connections.

    The one used last is used next, so that unused ones reach their idle time and are closed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        size: int,
        connect_seconds: float,
        idle_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._address = host, port
        self._size = size
        self._slots = BoundedSemaphore(size)
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._monotonic = monotonic
        self._idle: deque[Connection] = deque()

    @property
    def busy(self) -> int:
        """Connections that carry a request now."""
        return self._size - int(self._slots.counter)

    @property
    def idle(self) -> int:
        """Connections that are kept for the next request."""
        return len(self._idle)

    def acquire(self, timeout: float) -> bool:
        """Wait for a slot, at most `timeout` seconds."""
        return bool(self._slots.acquire(timeout=timeout))

    def connect(self, *, fresh: bool) -> Connection:
        """A connection for an acquired slot, kept or new. Raises OSError."""
        while self._idle and not fresh:
            connection = self._idle.pop()
            # The service closes first when its keep-alive time is shorter; a readable idle connection is at its end.
            if self._monotonic() - connection.idle_since < self._idle_seconds and not connection.readable():
                connection.reused, connection.silent = True, True
                return connection
            connection.close()
        return Connection(*self._address, self._connect_seconds, self._monotonic)

    def probe(self) -> Connection:
        """A new connection beside the pool, for the caller to close. Raises OSError."""
        return Connection(*self._address, self._connect_seconds, self._monotonic)

    def give_back(self, connection: Connection, *, keep: bool) -> None:
        """Return a connection and its slot."""
        if keep:
            now = connection.idle_since = self._monotonic()
            self._idle.append(connection)
            while now - self._idle[0].idle_since > self._idle_seconds:
                self._idle.popleft().close()
        else:
            connection.close()
        self._slots.release()

    def discard(self, connection: Connection) -> None:
        """Close a connection whose state is unknown, and return its slot."""
        self.give_back(connection, keep=False)

    def release(self) -> None:
        """Return a slot that came to no connection."""
        self._slots.release()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()
