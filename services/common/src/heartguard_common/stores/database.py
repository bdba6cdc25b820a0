"""PostgreSQL: one engine for each process, transactions as context managers, outages as service errors."""

import math
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import psycopg2
from psycopg2.errors import QueryCanceled
from psycopg2.extras import NamedTupleCursor
from sqlalchemy import Connection, Dialect, TextClause, create_engine, event, exc, text

from heartguard_common.core import deadline
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.spans import trace_statements, traced_run

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"
# A connection that was idle for longer is pinged before use: a firewall or proxy on the way may have dropped it.
_IDLE_SECONDS = 30.0
_DRIVER_OUTAGES = (psycopg2.OperationalError, psycopg2.InterfaceError)
_OUTAGES = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, *_DRIVER_OUTAGES)


SLOW_SECONDS = 1.0


class StatementObserver(Protocol):
    """Who counts what is slow, and what gets no connection."""

    def opened(self, pool_size: int) -> None:
        """A pool of so many connections was made."""

    def slow(self, statement: str, seconds: float) -> None:
        """A statement took longer than `SLOW_SECONDS`."""

    def exhausted(self) -> None:
        """No connection of the pool was free in time."""


class Database:
    """A pool of connections to one database.

    The pool is smaller than the number of threads and waits 1 s at most: a hung server must not occupy the threads
    that answer `/health` and `/ready`. Each statement has the remaining time of its request as time-out
    (`deadline.py`).
    """

    def __init__(self, url: str, *, pool_size: int = 6, observer: StatementObserver | None = None) -> None:
        self._engine = create_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=1,
            hide_parameters=True,  # a stack trace in the log must not show values that people wrote
            connect_args={"connect_timeout": 2, "application_name": "heartguard"},
        )
        event.listen(self._engine, "checkout", _LivenessCheck(self._engine.dialect).check)
        event.listen(self._engine, "before_cursor_execute", _bounded, retval=True)
        trace_statements(self._engine)
        self._run = traced_run(_only_row)
        self._observer = observer
        if observer is not None:
            observer.opened(pool_size)
            event.listen(self._engine, "before_cursor_execute", _begun)
            event.listen(self._engine, "after_cursor_execute", _ended(observer))
        self._compiled: dict[TextClause, str] = {}
        self._current: ContextVar[Connection | None] = ContextVar("connection", default=None)

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
        with _outages_as_service_errors(self._observer), self._engine.begin() as connection:
            token = self._current.set(connection)
            try:
                yield connection
            finally:
                self._current.reset(token)

    def one(self, statement: TextClause, values: Mapping[str, Any]) -> Any:
        """The only row of a statement, None where it returns none; the statement is a transaction by itself.

        Saves the round trips of BEGIN and COMMIT, and SQLAlchemy's work, which is slow where it is rarely done. Inside
        a transaction of the same context the statement is part of that one. Raises `ServiceError` GEN_503 when
        PostgreSQL is unavailable.
        """
        outer = self._current.get()
        if outer is not None:
            return outer.execute(statement, values).one_or_none()
        if statement not in self._compiled:
            self._compiled[statement] = str(statement.compile(dialect=self._engine.dialect))
        began = time.monotonic()
        with _outages_as_service_errors(self._observer):
            connection = self._engine.raw_connection()
            try:
                row = self._run(connection.driver_connection, self._compiled[statement], values)
            except _DRIVER_OUTAGES as error:
                connection.invalidate(error)
                raise
            finally:
                connection.close()
        if self._observer is not None and (seconds := time.monotonic() - began) > SLOW_SECONDS:
            self._observer.slow(self._compiled[statement], seconds)
        return row

    def current_connection(self) -> Connection | None:
        """The connection of the surrounding transaction, None outside of one."""
        return self._current.get()

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Whether the advisory lock `name` was free; if so, it is held until the block or this process ends.

        The lock has a transaction of its own: transactions in the block do not join it. Raises `ServiceError` GEN_503
        when PostgreSQL is unavailable.
        """
        with _outages_as_service_errors(self._observer), self._engine.begin() as connection:
            yield bool(connection.execute(text(_LOCK), {"name": name}).scalar_one())

    def ping(self) -> None:
        """Send a query without effect. Raises what the driver raises when the server is unavailable."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all pooled connections."""
        self._engine.dispose()


class _LivenessCheck:
    """Checks a pooled connection before it is used again.

    A server that stops closes its sockets, and one that ends a session sends a message: both make the socket readable,
    which can be seen without a round trip. Only then, and after `_IDLE_SECONDS`, is the connection pinged, which
    `pool_pre_ping` would do before each use.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def check(self, connection: Any, record: Any, _: object) -> None:
        """Return if the connection works. Raises `InvalidatePoolError`, so that the pool opens new connections."""
        now = time.monotonic()
        idle = now - record.info.get("used_at", now)
        record.info["used_at"] = now
        if idle > _IDLE_SECONDS or _readable(connection):
            try:
                self._dialect.do_ping(connection)
            except self._dialect.loaded_dbapi.Error as error:
                raise exc.InvalidatePoolError from error


def _bounded(
    _connection: Connection, _cursor: object, statement: str, values: object, _context: object, many: bool
) -> tuple[str, object]:
    """The statement, preceded by a time-out with the remaining time. Raises GEN_422_TIME when none remains."""
    seconds = deadline.left()
    if seconds is None or many:
        return statement, values
    # In the same round trip; since PostgreSQL 13 the time-out applies to each statement of a message separately.
    return f"SET LOCAL statement_timeout = {math.ceil(seconds * 1000)}; {statement}", values


def _begun(*event_arguments: Any) -> None:
    """Remember when a statement is sent: the fifth argument is its context (SQLAlchemy's before_cursor_execute)."""
    event_arguments[4].began = time.monotonic()


def _ended(observer: StatementObserver) -> Callable[..., None]:
    def ended(_connection: Connection, _cursor: object, statement: str, _values: object, context: Any, _: bool) -> None:
        seconds = time.monotonic() - context.began
        if seconds > SLOW_SECONDS:
            observer.slow(statement, seconds)

    return ended


@contextmanager
def _outages_as_service_errors(observer: StatementObserver | None) -> Iterator[None]:
    """Raise GEN_503 for errors that mean that PostgreSQL is unavailable, GEN_422_TIME for a cancelled statement."""
    try:
        yield
    except _OUTAGES as error:
        if observer is not None and isinstance(error, exc.TimeoutError):
            observer.exhausted()
        if isinstance(getattr(error, "orig", error), QueryCanceled):
            raise deadline.exceeded() from error
        raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error


def _only_row(connection: Any, statement: str, values: Mapping[str, Any]) -> Any:
    connection.autocommit = True
    try:
        with connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchmany(2)
    finally:
        if not connection.closed:
            connection.autocommit = False
    if len(found) > 1:
        raise exc.MultipleResultsFound
    return found[0] if found else None


def _readable(connection: Any) -> bool:
    watch = select.poll()
    watch.register(connection, select.POLLIN)
    return bool(watch.poll(0))


def driver_url(url: str) -> str:
    """A URL that begins with `postgres://` or `postgresql://`, with the driver's name added. Raises ValueError."""
    for prefix in ("postgresql+psycopg2://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    raise ValueError("must be a postgresql:// URL")
