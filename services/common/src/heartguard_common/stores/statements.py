"""SQL statements and their results, over a psycopg2 connection.

Only what the stores use, because it stands in every request: SQLAlchemy's way to the same rows took five times the
CPU time, and 14 MB of each process (D310).
"""

import hashlib
import re
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

Row: TypeAlias = Any
"""A named tuple of the columns. Its attributes are those of the statement, which no type describes."""

_PARAMETER = re.compile(r"(?<![:\w\\]):([A-Za-z_]\w*)")


class RowCountError(LookupError):
    """A statement returned another number of rows than it must."""


class Statement:
    """A statement as psycopg2 takes it; `text` makes one of a statement with `:name` parameters.

    `preparation` is what a session has to be told once, before it is sent `sql`; empty for most statements. `source` is
    the statement as it was written, for people.
    """

    __slots__ = ("has_parameters", "preparation", "source", "sql")

    def __init__(self, sql: str, source: str, *, has_parameters: bool, preparation: str = "") -> None:
        self.sql = sql
        self.source = source
        self.has_parameters = has_parameters
        self.preparation = preparation


@lru_cache(maxsize=4096)
def text(statement: str) -> Statement:
    """A statement whose parameters are written `:name`."""
    if _PARAMETER.search(statement) is None:
        return Statement(statement, statement, has_parameters=False)
    return Statement(_PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%")), statement, has_parameters=True)


def prepared(statement: str, **types: str) -> Statement:
    """A statement that each session plans once; `types` are the SQL types of its parameters, in any order.

    For statements of every request whose plan does not depend on the values: planning one takes PostgreSQL longer than
    reading a row by its key (D312). A URL of the database must not lead to a pooler in transaction mode.
    """
    places = {name: f"${place}" for place, name in enumerate(types, 1)}
    name = f"hg_{hashlib.sha256(statement.encode()).hexdigest()[:16]}"
    body = _PARAMETER.sub(lambda match: places[match[1]], statement.replace("%", "%%"))
    values = ", ".join(f"%({parameter})s" for parameter in types)
    return Statement(
        f"EXECUTE {name} ({values})",
        statement,
        has_parameters=True,
        preparation=f"PREPARE {name} ({', '.join(types.values())}) AS {body}; ",
    )


class Result:
    """The rows that a statement returned, all of them; empty for one that returns none."""

    __slots__ = ("_columns", "_rows", "rowcount")

    def __init__(self, cursor: Any) -> None:
        self.rowcount: int = cursor.rowcount
        columns = cursor.description
        self._columns = () if columns is None else tuple(column[0] for column in columns)
        self._rows: list[tuple[Any, ...]] = [] if columns is None else cursor.fetchall()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.all())

    def tuples(self) -> list[tuple[Any, ...]]:
        """The rows without names, which are cheaper where there are many."""
        return self._rows

    def all(self) -> Sequence[Row]:
        """The rows."""
        return list(map(_row_type(self._columns)._make, self._rows))

    def first(self) -> Row | None:
        """The first row, or None."""
        return _row_type(self._columns)._make(self._rows[0]) if self._rows else None

    def one_or_none(self) -> Row | None:
        """The only row, or None. Raises `RowCountError` for several."""
        if len(self._rows) > 1:
            raise RowCountError(f"{len(self._rows)} rows instead of at most one")
        return self.first()

    def one(self) -> Row:
        """The only row. Raises `RowCountError` for none or several."""
        if len(self._rows) != 1:
            raise RowCountError(f"{len(self._rows)} rows instead of one")
        return self.first()

    def scalars(self) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self._rows]

    def scalar(self) -> Any:
        """The first column of the first row, None without a row."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        """The first column of the only row. Raises `RowCountError` for none or several."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """The first column of the only row, None without a row. Raises `RowCountError` for several."""
        row = self.one_or_none()
        return None if row is None else row[0]


@lru_cache(maxsize=1024)
def _row_type(columns: tuple[str, ...]) -> Any:
    # A column without a name of its own gets its place as a name.
    return namedtuple("Row", columns, rename=True)  # noqa: PYI024  made at run time


def parameters(statement: Statement, values: Mapping[str, object] | None) -> Mapping[str, object] | None:
    """The values for psycopg2, which reads `%` as it stands in a statement that is given none."""
    return (values or {}) if statement.has_parameters else None
