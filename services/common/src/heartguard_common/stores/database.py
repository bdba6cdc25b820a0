"""PostgreSQL: one pool for each process, transactions as context managers, outages as service errors."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol

import psycopg2
from psycopg2 import extras
from psycopg2.errors import QueryCanceled

from heartguard_common.core import deadline, trace
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.connection_pool import ConnectionPool, PoolTimeoutError, Session
from heartguard_common.stores.spans import statement_span
from heartguard_common.stores.statements import Result, Row, Statement, parameters, prepared, text

__all__ = ["Connection", "Database", "Result", "Row", "Statement", "driver_url", "prepared", "text"]

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_OUTAGES = (psycopg2.OperationalError, psycopg2.InterfaceError, PoolTimeoutError)
extras.register_uuid()  # type: ignore[no-untyped-call]


SLOW_SECONDS = 1.0


class StatementObserver(Protocol):
    """Who counts what is slow, and what gets no connection."""

    def opened(self, pool_size: int) -> None:
        """A pool of so many connections was made."""

    def slow(self, statement: str, seconds: float) -> None:
        """A statement took longer than `SLOW_SECONDS`."""

    def exhausted(self) -> None:
        """No connection of the pool was free in time."""


class Connection:
    """A connection in a transaction, which begins together with its first statement."""

    __slots__ = ("_begun", "_driver", "_observer", "_with_next", "committed")

    def __init__(self, driver: Session, observer: StatementObserver | None = None) -> None:
        self._driver = driver
        self._observer = observer
        self._begun = False
        self._with_next = ""
        self.committed: list[Callable[[], object]] = []

    def with_next(self, command: str) -> None:
        """Send a command without parameters and result together with the next statement."""
        self._with_next += f"{command}; "

    def execute(self, statement: Statement, values: Mapping[str, Any] | None = None) -> Result:
        """The result of a statement. Raises what psycopg2 raises."""
        beginning = ("" if self._begun else "BEGIN; ") + self._with_next  # in the same round trip
        self._begun, self._with_next = True, ""
        return _execute(self._driver, beginning, statement, values, self._observer)

    def execute_for_each(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute a statement with the values of each row. Raises what psycopg2 raises."""
        for values in rows:
            self.execute(statement, values)

    def after_commit(self, act: Callable[[], object]) -> None:
        """Call `act` once the transaction is committed, and its connection is free; it must not raise."""
        self.committed.append(act)

    def end(self, how: str) -> None:
        """COMMIT or ROLLBACK, unless nothing was begun."""
        if self._begun:
            with self._driver.cursor() as cursor:
                cursor.execute(how)


class Database:
    """A pool of connections to one database.

    The pool is smaller than the number of threads and waits 1 s at most: a hung server must not occupy the threads
    that answer `/health` and `/ready`. Each statement has the remaining time of its request as time-out
    (`deadline.py`).
    """

    def __init__(self, url: str, *, pool_size: int = 6, observer: StatementObserver | None = None) -> None:
        self._pool = ConnectionPool(driver_url(url), pool_size, wait_seconds=1)
        self._observer = observer
        if observer is not None:
            observer.opened(pool_size)
        self._current: ContextVar[Connection | None] = ContextVar("connection", default=None)
        self._holds_place: ContextVar[bool] = ContextVar("holds_place", default=False)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: commits at the end, rolls back on an exception.

        Inside another transaction of the same context it joins that one, so that an idempotency key and the
        effect it stands for commit together. Raises `ServiceError` GEN_503 when PostgreSQL is unavailable.
        """
        outer = self._current.get()
        if outer is not None:
            yield outer
            return
        with self._begin() as connection:
            token = self._current.set(connection)
            try:
                yield connection
            finally:
                self._current.reset(token)
        for act in connection.committed:
            act()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place of the pool, for a transaction in the block or for waiting on the one of another thread.

        So threads that wait for PostgreSQL through others count like those with a connection of their own. Raises
        `ServiceError` GEN_503 when no place is free in time.
        """
        with _outages_as_service_errors(self._observer):
            self._pool.reserve()
        token = self._holds_place.set(True)
        try:
            yield
        finally:
            self._holds_place.reset(token)
            self._pool.give_back()

    def run(self, statement: Statement, values: Mapping[str, Any] | None = None) -> Result:
        """The result of a statement that is a transaction by itself, in one round trip instead of two.

        Inside a transaction of the same context the statement is part of that one. Raises `ServiceError` GEN_503 when
        PostgreSQL is unavailable.
        """
        outer = self._current.get()
        if outer is not None:
            return outer.execute(statement, values)
        with _outages_as_service_errors(self._observer):
            driver = self._pool.acquire()
            try:
                return _execute(driver, "", statement, values, self._observer)
            finally:
                self._pool.release(driver)

    def one(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        """The only row of a statement, None where it returns none; see `run`."""
        return self.run(statement, values).one_or_none()

    def current_connection(self) -> Connection | None:
        """The connection of the surrounding transaction, None outside of one."""
        return self._current.get()

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Whether the advisory lock `name` was free; if so, it is held until the block or this process ends.

        The lock has a transaction of its own: transactions in the block do not join it. Raises `ServiceError` GEN_503
        when PostgreSQL is unavailable.
        """
        with self._begin() as connection:
            yield bool(connection.execute(_LOCK, {"name": name}).scalar_one())

    def ping(self) -> None:
        """Send a query without effect. Raises what the driver raises when the server is unavailable."""
        driver = self._pool.acquire()
        try:
            _execute(driver, "", text("SELECT 1"), None, None)
        finally:
            self._pool.release(driver)

    def close(self) -> None:
        """Close all pooled connections."""
        self._pool.close()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        placed = self._holds_place.get()
        with _outages_as_service_errors(self._observer):
            driver = self._pool.take() if placed else self._pool.acquire()
            try:
                connection = Connection(driver, self._observer)
                try:
                    yield connection
                except BaseException:
                    _roll_back(connection)
                    raise
                connection.end("COMMIT")
            finally:
                self._pool.put(driver) if placed else self._pool.release(driver)


def _roll_back(connection: Connection) -> None:
    """Roll back; where that fails, the pool closes the connection, and with it the transaction ends."""
    with suppress(psycopg2.Error):
        connection.end("ROLLBACK")


def _execute(
    driver: Session,
    beginning: str,
    statement: Statement,
    values: Mapping[str, Any] | None,
    observer: StatementObserver | None,
) -> Result:
    seconds = deadline.left()
    if seconds is not None:
        # In the same round trip; since PostgreSQL 13 the time-out applies to each statement of a message separately.
        beginning += f"SET LOCAL statement_timeout = {math.ceil(seconds * 1000)}; "
    began = time.monotonic()
    with driver.cursor() as cursor:
        if trace.SPANS is None:
            found = _result(driver, cursor, beginning, statement, values)
        else:
            with statement_span(trace.SPANS, statement.source):
                found = _result(driver, cursor, beginning, statement, values)
    if observer is not None and (took := time.monotonic() - began) > SLOW_SECONDS:
        observer.slow(statement.source, took)
    return found


def _result(
    driver: Session, cursor: Any, beginning: str, statement: Statement, values: Mapping[str, Any] | None
) -> Result:
    if statement.preparation and statement.sql not in driver.prepared:
        return _prepare_and_execute(cursor, beginning, statement, values)
    cursor.execute(beginning + statement.sql, parameters(statement, values))
    return Result(cursor)


def _prepare_and_execute(cursor: Any, beginning: str, statement: Statement, values: Mapping[str, Any] | None) -> Result:
    """Prepare a statement in the message that executes it."""
    session = cursor.connection
    try:
        cursor.execute(beginning + statement.preparation + statement.sql, parameters(statement, values))
    except psycopg2.Error:
        session.uncertain = True
        raise
    session.prepared.add(statement.sql)
    return Result(cursor)


@contextmanager
def _outages_as_service_errors(observer: StatementObserver | None) -> Iterator[None]:
    """Raise GEN_503 for errors that mean that PostgreSQL is unavailable, GEN_422_TIME for a cancelled statement."""
    try:
        yield
    except _OUTAGES as error:
        if observer is not None and isinstance(error, PoolTimeoutError):
            observer.exhausted()
        if isinstance(error, QueryCanceled):
            raise deadline.exceeded() from error
        raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error


def driver_url(url: str) -> str:
    """A URL that begins with `postgres://` or `postgresql://`, as libpq takes it. Raises ValueError."""
    for prefix in ("postgresql+psycopg2://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql://" + url.removeprefix(prefix)
    raise ValueError("must be a postgresql:// URL")
