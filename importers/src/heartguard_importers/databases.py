"""Opening an SQLite database that a stranger made.

Source: "Defense Against The Dark Arts" (sqlite.org/security.html), and the file format (sqlite.org/fileformat2.html).

The file is opened read-only and immutable (no journal of it is replayed), its schema is not trusted, and only columns
of ordinary tables are read: no views, triggers, virtual tables, generated columns, functions or pragmas, which
SQLite's authorizer denies. Values are at most 1 MB, and a table has no more rows than its file has room for.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from heartguard_importers.records import InvalidFileError, Report, plain

MAGIC = b"SQLite format 3\0"
_HEAP_BYTES = 128 * 1024**2
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 1_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 50,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_SCHEMA = ("sqlite_master", "sqlite_schema")
_MOST_TABLES = 2_000
_SMALLEST_ROW = 2

Value = int | float | str | bytes | None


class Database:
    """The ordinary tables of a database; `tables` has the names of their columns, in their order."""

    def __init__(self, connection: sqlite3.Connection, name: str, size: int, report: Report) -> None:
        self.name = name
        self.tables: dict[str, tuple[str, ...]] = {}
        self._connection = connection
        self._size = size
        self._report = report
        connection.set_authorizer(self._authorize)
        # A virtual table and a view have no root page.
        found = [
            str(row[0])
            for row in self._execute("SELECT name, type FROM sqlite_master WHERE rootpage > 0", "the schema")
            if row[1] == "table" and isinstance(row[0], str) and not row[0].startswith("sqlite_")
        ]
        if len(found) > _MOST_TABLES:
            raise InvalidFileError(name, f"has more than {_MOST_TABLES} tables")
        for table in found:
            columns = self._execute(f"PRAGMA table_xinfo({quoted(table)})", f"table {plain(table)}")
            self.tables[table] = tuple(str(row[1]) for row in columns if row[6] == 0)  # neither hidden nor generated

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is a table with these columns."""
        return set(columns) <= set(self.tables.get(table, ()))

    def rows(self, table: str, columns: Sequence[str], joined: str = "") -> Iterator[tuple[Value, ...]]:
        """The columns of all rows of a table, after `joined`, which joins other tables to it.

        Raises InvalidFileError, with the number of the row, where the database is damaged.
        """
        place = f"table {plain(table)}"
        number = 0
        self._report.place = lambda: f"{self.name}, {place}, row {number}"
        names = ", ".join(column if "." in column else quoted(column) for column in columns)
        for row in self._execute(f"SELECT {names} FROM {quoted(table)} {joined}", place):  # noqa: S608  quoted
            number += 1
            if number > self._size // _SMALLEST_ROW:
                raise InvalidFileError(f"{self.name}, {place}", "has more rows than the file has room for")
            yield row

    def _execute(self, sql: str, place: str) -> Iterator[tuple[Value, ...]]:
        number = 0
        try:
            for row in self._connection.execute(sql):
                number += 1
                yield row
        except (sqlite3.Error, MemoryError, OverflowError, ValueError) as error:
            where = f"{self.name}, {place}, after row {number}"
            raise InvalidFileError(where, f"the database is damaged or not allowed: {plain(str(error))}") from error

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, inside: str | None
    ) -> int:
        """SQLite's question whether a statement may do something, asked while it is compiled."""
        del database
        if action == sqlite3.SQLITE_SELECT and inside is None:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and inside is None and (first in self.tables or first in _SCHEMA):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and first == "table_xinfo" and second is not None:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


@contextmanager
def open_database(path: Path, name: str, report: Report) -> Iterator[Database]:
    """A database. Raises InvalidFileError where it is none.

    Lowers the limit of memory of all of this process's SQLite to 128 MiB.
    """
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise InvalidFileError(name, f"is not a readable database: {plain(str(error))}") from error
    with closing(connection):
        connection.text_factory = _decoded
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        try:
            for pragma in (
                "trusted_schema=OFF",
                "cell_size_check=ON",
                "mmap_size=0",
                "query_only=ON",
                "cache_size=-8192",
                "temp_store=FILE",
                f"hard_heap_limit={_HEAP_BYTES}",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            database = Database(connection, name, path.stat().st_size, report)
        except (sqlite3.Error, MemoryError, ValueError) as error:  # ValueError: a message of SQLite that is no UTF-8
            raise InvalidFileError(name, f"is not a readable database: {plain(str(error))}") from error
        yield database


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
