"""CSV with a header, by a mapping of its columns.

Source: RFC 4180, and what spreadsheets write instead: semicolons and decimal commas, tabs, a byte order mark.

- The mapping says which column is the time, which are values of which measurement, and which are tags. Without one
  the columns are known by their names: `time`, `timestamp`, `datetime` or `date`; `bpm`, `heart_rate` or `hr`, `rr`,
  and the names of the measurements; `device` and `source`.
- Values are in the unit of the catalogue. An empty value says that nothing was measured.
- Times are ISO 8601, with an offset or local to the person's time zone, or numbers since 1970 (seconds, ms, µs or ns,
  by their size), or as the mapping's pattern says. In the hour that daylight saving time repeats, local times are
  taken in the order of the file: the first of both, until they go back.
- The text is UTF-8. A line has at most 64 KiB.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from heartguard_importers import measurements
from heartguard_importers.files import Stream
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import CsvMapping, InvalidFileError, Options, Reason, Record, Report, plain
from heartguard_importers.times import LocalClock, SkippedTimeError, nanoseconds, of_number, of_text

T = TypeVar("T")
_LINE = 64 * 1024
_DELIMITERS = ",;\t|"
_TIMES = ("time", "timestamp", "datetime", "date")
_VALUES = {"bpm": "heart_rate", "hr": "heart_rate", "rr": "rr_interval"} | {name: name for name in measurements.BY_NAME}
_TAGS = ("device", "source", measurements.MOTION_CONTEXT)
_NUMBER = re.compile(r"[+-]?\d{1,19}(\.\d{1,9})?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def read(stream: Stream, options: Options, report: Report) -> Iterator[Record]:
    """The records of a CSV file. Raises InvalidFileError."""
    lines = Lines(stream)
    report.place = lambda: f"{stream.name}, line {lines.number}"
    header = next(iter(lines), "")
    delimiter = _delimiter(header, options.csv)
    rows = csv.reader(lines, delimiter=delimiter)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    table = _Table(names, options, report, stream.name)
    for row in each_row(rows, report):
        if row:
            yield from table.records(row)


def each_row(rows: Iterable[T], report: Report) -> Iterator[T]:
    """The rows of a reader of `csv`. Raises InvalidFileError for a line that is none."""
    try:
        yield from rows
    except csv.Error as error:
        raise InvalidFileError(report.place(), "is no line of a CSV file") from error


def recognises(head: str) -> bool:
    """Whether the first line of a file is a header that needs no mapping."""
    line = head.splitlines()[0] if head else ""
    return _known(next(csv.reader([line[:_LINE]], delimiter=_delimiter(line, None)), [])) is not None


class Lines:
    """The lines of a stream as text, each of a bounded length."""

    def __init__(self, stream: Stream) -> None:
        self.number = 0
        self._stream = stream
        self._lines = self._split()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InvalidFileError(f"{self._stream.name}, line {self.number}", "is not UTF-8") from error

    def _split(self) -> Iterator[bytes]:
        left = b""
        for chunk in self._stream.chunks():
            lines = io.BytesIO(left + chunk)
            left = b""
            for line in lines:
                if len(line) > _LINE:
                    place = f"{self._stream.name}, line {self.number + 1}"
                    raise InvalidFileError(place, f"has more than {_LINE} bytes")
                if not line.endswith(b"\n"):
                    left = line
                else:
                    yield line
        if left:
            yield left


class _Table:
    """Turns rows into records."""

    def __init__(self, names: list[str], options: Options, report: Report, place: str) -> None:
        mapping = options.csv or _known(names)
        if mapping is None:
            raise InvalidFileError(f"{place}, line 1", "the header has no known columns; give a mapping of the columns")
        self._report = report
        self._clock = LocalClock(options.time_zone) if options.time_zone else None
        self._format = mapping.time_format
        missing = [name for name in (mapping.time, *mapping.values, *mapping.tags) if name not in names]
        unknown = [name for name in mapping.values.values() if name not in measurements.BY_NAME]
        if missing or unknown:
            what = "no column" if missing else "no measurement"
            raise InvalidFileError(f"{place}, line 1", f"{what} has the name {plain((missing or unknown)[0])!r}")
        self._time = names.index(mapping.time)
        self._values: list[tuple[int, Measurement]] = [
            (names.index(column), measurements.BY_NAME[name]) for column, name in mapping.values.items()
        ]
        self._tags = {tag: names.index(column) for column, tag in mapping.tags.items()}
        self._width = max([self._time, *(index for index, _ in self._values), *self._tags.values()])

    def records(self, row: list[str]) -> Iterator[Record]:
        """The records of a row, one for each measurement that has a value."""
        if len(row) <= self._width:
            self._report.reject(Reason.DAMAGED)
            return
        try:
            time = self._moment(row[self._time].strip())
        except SkippedTimeError:
            self._report.reject(Reason.TIME_SKIPPED)
            return
        except (ValueError, OverflowError):
            self._report.reject(Reason.TIME)
            return
        tags = {"source": "CSV"}
        tags |= {tag: text for tag, index in self._tags.items() if (text := plain(row[index]))}
        for index, measurement in self._values:
            text = row[index].strip()
            if _DECIMAL_COMMA.fullmatch(text):
                text = text.replace(",", ".")
            record = self._report.accept(measurement, text, time, tags)
            if record is not None:
                yield record

    def _moment(self, text: str) -> int:
        if self._format in _UNITS:
            return of_number(_number(text), _UNITS[self._format])
        if self._format == "auto":
            return of_number(_number(text)) if _NUMBER.fullmatch(text) else of_text(text, self._clock)
        moment = datetime.strptime(text, self._format)  # noqa: DTZ007  with or without an offset
        if moment.tzinfo is not None:
            return nanoseconds(moment)
        if self._clock is None:
            raise ValueError("a local time without a time zone")
        return self._clock.time(moment)


def _number(text: str) -> Decimal:
    """Exact: a float has too few digits for ns."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _delimiter(header: str, mapping: CsvMapping | None) -> str:
    if mapping is not None and mapping.delimiter:
        return mapping.delimiter
    return max(_DELIMITERS, key=header.count)


def _known(names: list[str]) -> CsvMapping | None:
    """The mapping that the names of the columns suggest, or None."""
    plain: Mapping[str, str] = {name.strip().lower(): name.strip() for name in reversed(names)}
    time = next((plain[name] for name in _TIMES if name in plain), None)
    # The first column of each measurement: the names are tried from the last to the first.
    columns = {measurement: plain[name] for name, measurement in reversed(_VALUES.items()) if name in plain}
    values = {column: measurement for measurement, column in columns.items()}
    if time is None or not values:
        return None
    return CsvMapping(time, values, {plain[tag]: tag for tag in _TAGS if tag in plain})
