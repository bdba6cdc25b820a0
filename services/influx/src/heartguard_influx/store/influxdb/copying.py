"""Copying the points of a bucket into a backup and back: they are read in slices of time, counted and hashed.

Only points that the service can read are copied: those of registered series, in the years that are kept.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import ServiceError
from heartguard_influx.errors import STORE_BUSY, STORE_UNAVAILABLE
from heartguard_influx.fields.domain import Value
from heartguard_influx.series.domain import Selection, Tags, series_digest
from heartguard_influx.store.influxdb import flux
from heartguard_influx.store.influxdb.answers import Record, time_of
from heartguard_influx.store.influxdb.lines import EARLIEST_KEPT_NS, LATEST_KEPT_NS, field_name, head, text_of
from heartguard_influx.store.influxdb.server import Server
from heartguard_influx.store.influxdb.slices import slices

T = TypeVar("T")
HOUR_NS = 3600 * NANOSECONDS
SLICE_VALUES = 50_000
RUN_VALUES = 5_000
RUN_CHARACTERS = 1024 * 1024
_FIELDS_PER_QUERY = 100
_COUNTED_WINDOWS = 1_000_000  # rows of an answer that counts by windows: one for each series, field and window
_TRIES = 4
_KNOWN_SERIES = 100_000

Registered = Mapping[str, Collection[bytes]]
"""The digests of a bucket's registered series, by measurement."""
Types = Mapping[str, str]
"""The type of each field of a measurement, as annotations name it."""


class MixedTypesError(Exception):
    """A field has values of several types in one measurement, which no query can read together."""


@dataclass(frozen=True)
class Run:
    """Values of one series and field with their times, in the order in which they were read."""

    measurement: str
    tags: Tags
    field: str
    type: str
    points: Sequence[tuple[int, Value]]

    def text(self) -> str:
        """The run as a line of a backup's file, without line end."""
        document = (self.measurement, dict(self.tags), self.field, self.type, self.points)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Run":
        """The run of a line. Raises ValueError."""
        try:
            measurement, tags, name, type_, points = json.loads(text)
            found = [(int(time_ns), value) for time_ns, value in points]
            return cls(str(measurement), tuple(sorted(tags.items())), str(name), str(type_), found)
        except (TypeError, AttributeError) as error:
            raise ValueError("not a run of points") from error

    def lines(self) -> list[str]:
        """One line of line protocol for each value. Raises ValueError for a value of another type."""
        begin = f"{head(self.measurement, self.tags)} {field_name(self.field)}="
        return [f"{begin}{text_of(self.type, value)} {time_ns}" for time_ns, value in self.points]


@dataclass
class Sums:
    """The number of values, and the sum of the hashes of their lines, which doesn't depend on their order."""

    values: int = 0
    hashes: int = 0

    def add(self, lines: Iterable[str]) -> None:
        """Count lines."""
        for line in lines:
            self.values += 1
            self.hashes += int.from_bytes(hashlib.sha256(line.encode()).digest()[:16])

    @property
    def digest(self) -> str:
        """The sum modulo 2^128, in 32 hexadecimal digits."""
        return f"{self.hashes % 2**128:032x}"

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.values + other.values, self.hashes + other.hashes)


@dataclass
class _RunBuilder:
    """Collects rows into runs of one series and field."""

    measurement: str
    runs: list[Run] = field(default_factory=list)
    _key: tuple[Tags, str, str] | None = None
    _points: list[tuple[int, Value]] = field(default_factory=list)
    _characters: int = 0

    def add(self, record: Record) -> None:
        if record.value is None:
            raise ValueError("a point without a value")
        key = (record.tags, record.field, record.type)
        if key != self._key or len(self._points) >= RUN_VALUES or self._characters >= RUN_CHARACTERS:
            self.end()
            self._key = key
        self._points.append((time_of(record), record.value))
        self._characters += len(record.value) if isinstance(record.value, str) else 0

    def end(self) -> None:
        if self._key is not None and self._points:
            self.runs.append(Run(self.measurement, *self._key, self._points))
        self._points, self._characters = [], 0


class BucketReader:
    """Reads all points of registered series of a bucket."""

    def __init__(
        self,
        server: Server,
        bucket: str,
        registered: Registered,
        *,
        slice_values: int = SLICE_VALUES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._bucket = bucket
        self._registered = registered
        self._slice_values = slice_values
        self._sleep = sleep
        self._known: dict[tuple[str, Tags], bool] = {}

    def runs(self, start_ns: int = EARLIEST_KEPT_NS) -> Iterator[Run]:
        """All points from a time on, each once. Raises `MixedTypesError`, `RefusedError`, `ServiceError`.

        A point that is stored before the first one is read, and not changed or removed before the last, is included.
        """
        for measurement in sorted(self._registered):
            types, rows = self._again(partial(self._types, measurement, start_ns))
            if not types:
                continue
            windows = max(10, min(1000, _COUNTED_WINDOWS // rows))
            count = partial(self._counts, measurement)
            parts = slices(start_ns, LATEST_KEPT_NS, self._slice_values, count, windows)
            for part in parts:
                names = sorted(types)
                for place in range(0, len(names), _FIELDS_PER_QUERY):
                    asked = {name: types[name] for name in names[place : place + _FIELDS_PER_QUERY]}
                    yield from self._again(partial(self._slice, measurement, asked, part.start_ns, part.stop_ns))

    def _types(self, measurement: str, start_ns: int) -> tuple[Types, int]:
        """The types of the fields, and how many series and fields there are."""
        types: dict[str, str] = {}
        rows = 0
        query = self._select(measurement, [], start_ns, LATEST_KEPT_NS)
        for record in self._read(flux.totals(query, "first")):
            rows += 1
            if self._is_registered(measurement, record.tags) and types.setdefault(record.field, record.type) != (
                record.type
            ):
                raise MixedTypesError(f"{record.field} of {measurement}")
        return types, rows

    def _counts(self, measurement: str, start_ns: int, stop_ns: int, width: int) -> Mapping[int, int]:
        return self._again(partial(self._count, self._select(measurement, [], start_ns, stop_ns), width))

    def _count(self, query: flux.Query, width: int) -> Mapping[int, int]:
        counts: dict[int, int] = {}
        for record in self._read(flux.by_windows(query, width, "count")):
            window = (time_of(record) - 1) // width * width
            counts[window] = counts.get(window, 0) + int(record.value or 0)
        return counts

    def _slice(self, measurement: str, types: Types, start_ns: int, stop_ns: int) -> Sequence[Run]:
        query = self._select(measurement, list(types), start_ns, stop_ns)
        builder = _RunBuilder(measurement)
        for record in self._read(flux.raw(query, _kinds(types))):
            if self._is_registered(measurement, record.tags):
                builder.add(record)
        builder.end()
        return builder.runs

    def _is_registered(self, measurement: str, tags: Tags) -> bool:
        key = (measurement, tags)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN_SERIES:
                self._known.clear()
            known = self._known[key] = series_digest(measurement, tags) in self._registered[measurement]
        return known

    def _select(self, measurement: str, fields: Sequence[str], start_ns: int, stop_ns: int) -> flux.Query:
        return flux.select(self._bucket, Selection(0, measurement, start_ns, stop_ns, {}), fields)

    def _read(self, query: flux.Query) -> Iterator[Record]:
        with closing(self._server.query(query)) as records:
            yield from records

    def _again(self, ask: Callable[[], T]) -> T:
        """The result of `ask`, which is called again when an answer breaks off."""
        for attempt in range(1, _TRIES + 1):
            try:
                return ask()
            except ServiceError as error:
                if error.error_code not in (STORE_UNAVAILABLE, STORE_BUSY) or attempt == _TRIES:
                    raise
                self._sleep(float(attempt))
        raise AssertionError("unreachable: the last try returns or raises")


def _kinds(types: Types) -> list[flux.Kind]:
    """The fields by type, because types can't share a table; string fields twice (see `flux.Kind`)."""
    places: dict[str, list[int]] = {}
    for place, type_ in enumerate(types.values()):
        places.setdefault(type_, []).append(place)
    kinds: list[flux.Kind] = []
    for type_, found in places.items():
        of_type = tuple(found)
        kinds += [flux.Kind(of_type, "!="), flux.Kind(of_type, "==")] if type_ == "string" else [flux.Kind(of_type)]
    return kinds


class Loader:
    """Sends the points of a backup into one bucket, and compares them with what is stored then."""

    def __init__(
        self,
        server: Server,
        bucket: str,
        days: int | None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        batch: int = RUN_VALUES,
    ) -> None:
        """`days` is how long the server keeps the bucket's points, None for ever."""
        self._server = server
        self._bucket = bucket
        self._days = days
        self._now_ns = now_ns
        self._batch = batch
        self._registered: dict[str, set[bytes]] = {}
        # By hour if points expire during the restore, so that at the end the points that are still kept can be counted.
        self._hours: dict[int, Sums] = {}

    def oldest_ns(self) -> int:
        """The earliest time whose points the server still keeps in an hour, rounded up to a full hour."""
        if self._days is None:
            return EARLIEST_KEPT_NS
        oldest = self._now_ns() + HOUR_NS - self._days * 24 * HOUR_NS
        return max(EARLIEST_KEPT_NS, -(-oldest // HOUR_NS) * HOUR_NS)

    def send(self, runs: Iterable[Run]) -> None:
        """Store points, except those that are too old. Raises ValueError, `RefusedError`, `ServiceError`."""
        oldest = self.oldest_ns()
        waiting: list[str] = []
        characters = 0
        for run in runs:
            self._registered.setdefault(run.measurement, set()).add(series_digest(run.measurement, run.tags))
            for line, (time_ns, _) in zip(run.lines(), run.points, strict=True):
                if not EARLIEST_KEPT_NS <= time_ns < LATEST_KEPT_NS:
                    raise ValueError("a time that is never kept")
                hour = 0 if self._days is None else time_ns // HOUR_NS
                self._hours.setdefault(hour, Sums()).add((line,))
                if time_ns >= oldest:
                    waiting.append(line)
                    characters += len(line)
                if len(waiting) >= self._batch or characters >= 4 * RUN_CHARACTERS:
                    self._server.write(self._bucket, waiting)
                    waiting, characters = [], 0
        if waiting:
            self._server.write(self._bucket, waiting)

    def total(self) -> Sums:
        """The sums of all points of the backup, also of those that are too old."""
        return sum(self._hours.values(), Sums())

    def compare(self) -> tuple[Sums, Sums]:
        """The sums that the bucket should have now, and those that it has. Raises `RefusedError`, `ServiceError`."""
        oldest = self.oldest_ns()
        first = oldest // HOUR_NS if self._days is not None else 0
        expected = sum((sums for hour, sums in self._hours.items() if hour >= first), Sums())
        found = Sums()
        for run in BucketReader(self._server, self._bucket, self._registered).runs(oldest):
            found.add(run.lines())
        return expected, found
