"""Connections to PostgreSQL that are kept for the next transaction."""

import select
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

# A connection that was idle for longer is pinged before use: a firewall or proxy on the way may have dropped it.
IDLE_SECONDS = 30.0
CONNECT_SECONDS = 2
# What is prepared has a plan that does not depend on the values (`statements.prepared`). PostgreSQL would compare costs
# and, because it estimates the length of an array that it knows better, plan some of them anew in each execution.
_SETTING = "SET plan_cache_mode = force_generic_plan"


class PoolTimeoutError(Exception):
    """No connection became free in time."""


class Session(psycopg2.extensions.connection):
    """A connection that knows which statements it has been told to prepare."""

    def __init__(self, dsn: str, *more: Any) -> None:
        super().__init__(dsn, *more)
        self.prepared: set[str] = set()
        self.uncertain = False
        """Whether a statement may be prepared without being in `prepared`: then it is not used again."""


class ConnectionPool:
    """At most `size` connections, in autocommit mode; the one that was used last is used first.

    A server that stops closes its sockets, and one that ends a session sends a message: both make the socket readable,
    which can be seen without a round trip. Only then, and after `IDLE_SECONDS`, is a connection pinged.
    """

    def __init__(self, url: str, size: int, wait_seconds: float) -> None:
        self._url = url
        self._wait_seconds = wait_seconds
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[tuple[float, Session]] = []

    def acquire(self) -> Session:
        """A connection that works. Raises `PoolTimeoutError`, psycopg2.OperationalError."""
        self.reserve()
        try:
            return self.take()
        except BaseException:
            self.give_back()
            raise

    def release(self, connection: Session) -> None:
        """Take a connection back; one that is closed, or still in a transaction, is not used again."""
        self.put(connection)
        self.give_back()

    def reserve(self) -> None:
        """Hold a place of the pool, for a connection or for waiting on a thread that has one. `PoolTimeoutError`."""
        if not self._free.acquire(timeout=self._wait_seconds):
            raise PoolTimeoutError(f"no connection was given back within {self._wait_seconds:g} s")

    def give_back(self) -> None:
        """Give up a place."""
        self._free.release()

    def take(self) -> Session:
        """A connection that works, for the holder of a place. Raises psycopg2.OperationalError."""
        return self._working() or self._connect()

    def put(self, connection: Session) -> None:
        """Take a connection back from the holder of a place, who keeps the place."""
        working = not connection.closed and not connection.uncertain
        if working and connection.get_transaction_status() == TRANSACTION_STATUS_IDLE:
            self._idle.append((time.monotonic(), connection))
        else:
            _close(connection)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while (connection := self._pop()) is not None:
            _close(connection[1])

    def _working(self) -> Session | None:
        found = self._pop()
        if found is None:
            return None
        used_at, connection = found
        if time.monotonic() - used_at <= IDLE_SECONDS and not _readable(connection):
            return connection
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            # What ended this session has probably ended the others.
            _close(connection)
            self.close()
            return None
        return connection

    def _pop(self) -> tuple[float, Session] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self) -> Session:
        connection = psycopg2.connect(
            self._url, connection_factory=Session, connect_timeout=CONNECT_SECONDS, application_name="heartguard"
        )
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SETTING)
        except psycopg2.Error:
            _close(connection)
            raise
        return connection


def _close(connection: Session) -> None:
    with suppress(psycopg2.Error):  # the other side may have closed it
        connection.close()


def _readable(connection: Session) -> bool:
    watch = select.poll()
    watch.register(connection, select.POLLIN)
    return bool(watch.poll(0))
