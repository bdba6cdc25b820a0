"""Answers of InfluxDB to queries: annotated CSV, read row by row.

Source: the annotated CSV reference of InfluxDB 2. Its lines end with CR LF, also inside quoted strings, where the
server turns LF into CR LF; strings with CR are never stored (`lines.rejection`), so each pair there was one LF.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_influx.errors import STORE_FAILED
from heartguard_influx.fields.domain import Value
from heartguard_influx.series.domain import Tags

_OWN_COLUMNS = frozenset({"_start", "_stop", "_time", "_value", "_field", "_measurement"})
_KNOWN_SERIES = 10_000
_LEADING = 3  # the first columns are annotation, result and table; tags may have the same names


class AnswerError(Exception):
    """The answer is no annotated CSV, or contains the error that ended the query. Its text is not repeated."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the tags of its series, its field, its time (None if the query drops it), its value.

    `result` is the name of the result that it belongs to, of those that one query asks for. `type` is the type of its
    value in the annotation of the column (`double`, `long`, `unsignedLong`, `boolean`, `string`).
    """

    tags: Tags
    field: str
    time_ns: int | None
    value: Value | None
    result: str = ""
    type: str = ""


class _Shape:
    """The columns of a table, read from the four lines before its rows."""

    def __init__(self, types: Sequence[str], defaults: Sequence[str], names: Sequence[str]) -> None:
        if names[1:2] == ["error"]:
            raise AnswerError("the query ended with an error")
        if len(types) != len(names) or "_value" not in names or "_field" not in names:
            raise AnswerError("not the columns of points")
        # Searched behind the leading columns, because a tag may be called result or table.
        self.width = len(names)
        self.result = defaults[1] if len(defaults) > 1 else ""
        self.field = names.index("_field", _LEADING)
        self.time = names.index("_time", _LEADING) if "_time" in names[_LEADING:] else None
        self.value = names.index("_value", _LEADING)
        self.type = types[self.value]
        self._tags = sorted(
            (name, place) for place, name in enumerate(names) if place >= _LEADING and name not in _OWN_COLUMNS
        )
        self._known: dict[tuple[str, ...], Tags] = {}

    def record(self, row: Sequence[str]) -> Record:
        """The row as a record. Raises ValueError and IndexError for cells that don't have the type of their column."""
        if len(row) != self.width:
            raise AnswerError("a row of another length than its header")
        return Record(
            tags=self._series(row),
            field=row[self.field],
            time_ns=None if self.time is None else parse_rfc3339(row[self.time]),
            value=self._value(row[self.value]),
            result=self.result,
            type=self.type,
        )

    def _series(self, row: Sequence[str]) -> Tags:
        # Rows of a few series alternate.
        cells = tuple([row[place] for _, place in self._tags])
        tags = self._known.get(cells)
        if tags is None:
            tags = tuple([(name, cell) for (name, _), cell in zip(self._tags, cells, strict=True) if cell != ""])
            if len(self._known) < _KNOWN_SERIES:
                self._known[cells] = tags
        return tags

    def _value(self, text: str) -> Value | None:
        if self.type == "string":
            return text.replace("\r\n", "\n")
        if text in ("", "NaN"):  # the standard deviation of one point
            return None
        if self.type == "boolean":
            return text == "true"
        if self.type in ("long", "unsignedLong"):
            return int(text)
        return float(text)


def read(lines: Iterable[str]) -> Iterator[Record]:
    """The rows of an answer in the server's order. Raises `AnswerError`."""
    types: Sequence[str] = ()
    defaults: Sequence[str] = ()
    shape: _Shape | None = None
    for row in _rows(lines):
        if len(row) < _LEADING:  # the empty line between two shapes of tables
            shape = None
        elif row[0] == "#datatype":
            types, shape = row, None
        elif row[0] == "#default":
            defaults = row
        elif row[0].startswith("#"):
            continue
        elif shape is None:
            shape = _Shape(types, defaults, row)
        else:
            try:
                yield shape.record(row)
            except (ValueError, IndexError) as error:
                raise AnswerError("a cell that is not of its column's type") from error


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, strict=True)
    except (csv.Error, UnicodeDecodeError) as error:
        raise AnswerError("what came is not CSV in UTF-8") from error


def time_of(record: Record) -> int:
    """The time of a row in nanoseconds. Raises TS_033 for a row without time."""
    if record.time_ns is None:
        raise ServiceError(STORE_FAILED)
    return record.time_ns
