"""What keeps one service from hurting the others: bounded connections, a breaker, a budget for retries."""

from collections import deque
from collections.abc import Callable

from gevent.lock import BoundedSemaphore

from heartguard_gateway.upstream.connection import Connection


class Pool:
    """At most `size` connections; the one used last is used next, so that the others can grow old and go."""

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


class Breaker:
    """A circuit breaker: after `failures` in a row it is open for `open_seconds`; then one request is let through."""

    def __init__(self, failures: int, open_seconds: float, monotonic: Callable[[], float]) -> None:
        self._threshold = failures
        self._open_seconds = open_seconds
        self._monotonic = monotonic
        self._failures = 0
        self._opened_at = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether requests are turned away, but for one that tries."""
        return self._failures >= self._threshold

    def enter(self) -> tuple[float, bool]:
        """Seconds after which to come back, 0 to go on; and whether this is the one that tries, who must `leave`."""
        if not self.open:
            return 0.0, False
        left = self._opened_at + self._open_seconds - self._monotonic()
        if left > 0:
            return left, False
        if self._trying:
            return 1.0, False
        self._trying = True
        return 0.0, True

    def succeeded(self) -> None:
        """The service answered."""
        self._failures = 0

    def failed(self) -> None:
        """The service could not be reached, or gave no answer."""
        self._failures += 1
        self._opened_at = self._monotonic()

    def leave(self) -> None:
        """The one that tried is through, however it ended; who entered before the breaker opened has no say."""
        self._trying = False


class RetryBudget:
    """Every request pays in a fraction, every retry costs one: retries never become a storm of their own."""

    CAPACITY = 10.0

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._saved = self.CAPACITY

    def deposit(self) -> None:
        """One request was made."""
        self._saved = min(self._saved + self._ratio, self.CAPACITY)

    def withdraw(self) -> bool:
        """Whether a retry is affordable; takes its price."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
