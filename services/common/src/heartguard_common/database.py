"""PostgreSQL: one engine for each process and a transaction that is a `with`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, create_engine, exc, text

from heartguard_common.errors import UNAVAILABLE, ServiceError

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"
_OUTAGES = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


class Database:
    """A pool of connections to one database.

    The pool is smaller than the number of threads and does not wait long: a hung server must not take the
    threads that answer `/health` and `/ready`.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self._engine = create_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=1,
            pool_pre_ping=True,
            hide_parameters=True,  # a stack in the log must not show what people wrote
            connect_args={"connect_timeout": 2, "application_name": "heartguard"},
        )
        self._current: ContextVar[Connection | None] = ContextVar("connection", default=None)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: commits at the end, rolls back on an exception.

        Inside another transaction of the same context it joins that one, so that an idempotency key and the
        effect it stands for commit together. Raises `ServiceError` GEN_503 when PostgreSQL is away.
        """
        outer = self._current.get()
        if outer is not None:
            yield outer
            return
        try:
            with self._engine.begin() as connection:
                token = self._current.set(connection)
                try:
                    yield connection
                finally:
                    self._current.reset(token)
        except _OUTAGES as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Whether nobody else holds `name`; if so, it is held until the end of the block or of this process.

        Transactions inside are their own. Raises `ServiceError` GEN_503 when PostgreSQL is away.
        """
        try:
            with self._engine.begin() as connection:
                yield bool(connection.execute(text(_LOCK), {"name": name}).scalar_one())
        except _OUTAGES as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def ping(self) -> None:
        """Ask the server for nothing. Raises what the driver raises when it is away."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def driver_url(url: str) -> str:
    """The URL with the driver named, whatever of `postgres://` and `postgresql://` it began with."""
    for prefix in ("postgresql+psycopg2://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    raise ValueError("must be a postgresql:// URL")
