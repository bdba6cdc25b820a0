"""Points in PostgreSQL: one row for each value, time as int64 nanoseconds."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from heartguard_common.core.clock import Clock, SystemClock
from heartguard_common.core.limits import Limits
from heartguard_common.stores.arrays import numbers, texts
from heartguard_common.stores.database import Connection, Database, Statement, prepared, text
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.points.domain.duplicates import Batch, Cell
from heartguard_influx.points.domain.point import Point, Sender, Status, Verdict
from heartguard_influx.points.ports import SmallWriter, StoredBatch
from heartguard_influx.queries.domain.query import Aggregate, ResultRow
from heartguard_influx.queries.domain.windows import Grid
from heartguard_influx.series.domain import Group, Selection, Series
from heartguard_influx.store.postgres.counts import COUNTED, PointCounts, count_removed
from heartguard_influx.store.postgres.day_sums import DAY_NS, clear, clear_days
from heartguard_influx.store.postgres.known_keys import KnownKeys
from heartguard_influx.store.postgres.reading import (
    read_latest,
    read_points,
    read_windows,
    read_windows_of_sums,
    windows_of_sums,
)
from heartguard_influx.store.postgres.series import find_groups, find_series, remove_empty, series_ids
from heartguard_influx.store.postgres.small_writes import SmallWrites

ROWS_A_STATEMENT = 20_000
ERASED_AT_ONCE = 100_000

_FIELD_IDS = prepared(
    """
    SELECT measurement, field, id, type FROM heartguard_core.field_types
    WHERE bucket_id = :bucket_id AND measurement = ANY (:measurements)
    """,
    bucket_id="bigint",
    measurements="text[]",
)
# Sorted, so that two writers of the same keys lock them in the same order and don't deadlock. A row that is not
# returned was stored already with that value. A returned row is new if its xmax is 0; otherwise it replaced another.
# If all rows of a batch are new, as in most batches, only their number is returned. unnest() fills an array that is
# shorter than the others with NULL.
_WRITTEN = """
WITH written AS (
    INSERT INTO heartguard_core.points AS p (series_id, time_ns, field_id, number, string)
    SELECT * FROM unnest(:series, :times, :fields, :numbers, :strings)
    ORDER BY 1, 2, 3
    ON CONFLICT (series_id, time_ns, field_id) DO UPDATE SET number = excluded.number, string = excluded.string
    WHERE p.number IS DISTINCT FROM excluded.number OR p.string IS DISTINCT FROM excluded.string
    RETURNING series_id, time_ns, field_id, xmax = 0 AS created
), made AS (SELECT count(*) FILTER (WHERE created) AS number, count(*) AS changed FROM written)
"""
_CELLS = {
    "series": "bigint[]",
    "times": "bigint[]",
    "fields": "integer[]",
    "numbers": "float8[]",
    "strings": "text[]",
    "rows": "bigint",
}
_UPSERT = prepared(
    f"""{_WRITTEN}
    SELECT made.number, written.* FROM made LEFT JOIN written ON made.number < :rows
    """,  # noqa: S608
    **_CELLS,
)
_UPSERT_COUNTED = prepared(
    f"""{_WRITTEN}, {COUNTED}
    SELECT made.number, sent.used, written.* FROM made LEFT JOIN sent ON true
        LEFT JOIN written ON made.number < :rows
    """,  # noqa: S608
    **_CELLS,
    org_id="integer",
    today="date",
    subject="text",
)
_LOCK = "SELECT FROM heartguard_core.buckets WHERE id = :bucket_id FOR UPDATE"
_HOLDS = """
SELECT EXISTS (
    SELECT FROM heartguard_core.series AS s CROSS JOIN LATERAL (
        SELECT FROM heartguard_core.points AS p WHERE p.series_id = s.id AND p.field_id = :field LIMIT 1
    ) AS found
    WHERE s.bucket_id = :bucket_id AND s.measurement = :measurement)
"""
_FORGET_SUMS = """
DELETE FROM heartguard_core.day_sums AS d USING heartguard_core.series AS s
WHERE d.series_id = s.id AND s.bucket_id = :bucket_id AND (cast(:person AS bigint) IS NULL OR s.user_id = :person)
"""
_ERASE_POINTS = """
DELETE FROM heartguard_core.points WHERE ctid = ANY (ARRAY (
    SELECT p.ctid FROM heartguard_core.series AS s JOIN heartguard_core.points AS p ON p.series_id = s.id
    WHERE s.bucket_id = :bucket_id AND (cast(:person AS bigint) IS NULL OR s.user_id = :person) LIMIT :limit))
"""
_DELETE = f"""
WITH gone AS (
    DELETE FROM heartguard_core.points WHERE ctid = ANY (ARRAY (
        SELECT p.ctid FROM unnest(cast(:series AS bigint[])) AS wanted (series_id)
        JOIN heartguard_core.points AS p ON p.series_id = wanted.series_id
        WHERE p.time_ns >= :start AND p.time_ns < :stop LIMIT :limit))
    RETURNING series_id, time_ns
)
SELECT series_id, time_ns / {DAY_NS}, count(*) FROM gone GROUP BY 1, 2
"""  # noqa: S608
_ERASE_SERIES = """
DELETE FROM heartguard_core.series
WHERE bucket_id = :bucket_id AND (cast(:person AS bigint) IS NULL OR user_id = :person)
"""
VERDICTS: Mapping[Status, Verdict] = {status: Verdict(status) for status in ("created", "duplicate", "updated")}


class PostgresStore:
    """The time-series store in PostgreSQL alone."""

    settled_seconds = 0.0

    def __init__(self, database: Database, limits: PostgresLimits | None = None, clock: Clock | None = None) -> None:
        """Without `limits` nothing is counted."""
        self._database = database
        self._clock = clock or SystemClock()
        self._limits = limits
        self._counts = None if limits is None else PointCounts(limits)
        self._known = KnownKeys()

    def small_writer(self, announce: Callable[[Sequence[StoredBatch]], None] = lambda _: None) -> SmallWriter | None:
        """A writer of small batches with the counts of this store, None for one that does not count.

        `announce` gets the batches of each transaction before its commit.
        """
        return (
            None
            if self._counts is None
            else SmallWrites(self._database, self._counts, self._known, announce, self._clock)
        )

    def rejection(self, point: Point) -> str | None:  # noqa: ARG002  of the port
        """None: PostgreSQL can keep every point that the contract allows."""
        return None

    def write(
        self,
        bucket_id: int,
        points: Sequence[Point],
        sender: Sender | None = None,
        require: Callable[[], None] = lambda: None,  # noqa: ARG002  this is the transaction that has asked
    ) -> Sequence[Verdict]:
        """Store points whose field types are registered; returns the status of each, as if sent one after the other."""
        with self._database.transaction() as connection:
            if self._counts is None or sender is None:
                batch = Batch(_cells(connection, bucket_id, points, self._limits, self._known))
                written = _upsert(connection, batch.first)
                changed: Collection[Cell] = {**written, **_upsert(connection, batch.last)}
            else:
                batch, written, changed = self._write_counted(connection, self._counts, bucket_id, points, sender)
            # After cells and counts, so that no deadlock arises: a removal locks them in the same order.
            clear(connection, changed, self._clock.now_ns())
        return [VERDICTS[status] for status in batch.statuses(written)]

    def _write_counted(
        self, connection: Connection, counts: PointCounts, bucket_id: int, points: Sequence[Point], sender: Sender
    ) -> tuple[Batch, dict[Cell, bool], Collection[Cell]]:
        """Store points and count them, in one statement if that stores them all; returns which cells changed, too.

        Otherwise count them after the last one, so that no deadlock arises between counts and points.
        """
        values = counts.admit(connection, sender, sum(len(point.fields) for point in points))
        batch = Batch(_cells(connection, bucket_id, points, self._limits, self._known))
        if len(batch.first) <= ROWS_A_STATEMENT and not batch.last:
            cells = list(batch.first)
            rows = _run(connection, _UPSERT_COUNTED, cells, [batch.first[cell] for cell in cells], values)
            counts.require_member(sender, int(rows[0].used or 0))
            written = _outcome(cells, rows)
            return batch, written, written
        written = _upsert(connection, batch.first)
        rewritten = _upsert(connection, batch.last)
        counts.count(connection, sender, len(written) + len(rewritten), sum(written.values()))
        return batch, written, {**written, **rewritten}

    def groups(self, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None) -> Sequence[Group]:
        """The series of a selection in groups that share the tags of `group_by`, ordered by those tags.

        With `group_by` None each series is a group. At most `limit` series are read, where one is given.
        """
        with self._database.transaction() as connection:
            return find_groups(connection, selection, group_by, limit)

    def series(
        self,
        bucket_id: int,
        measurement: str | None,
        tags: Mapping[str, str],
        person: int | None,
        *,
        after: int,
        limit: int,
    ) -> Sequence[Series]:
        """Up to `limit` series with an id above `after`, by id."""
        with self._database.transaction() as connection:
            return find_series(connection, bucket_id, measurement, tags, person, after=after, limit=limit)

    def holds(self, bucket_id: int, measurement: str, field: Field) -> bool:
        """Whether a point with this field is stored."""
        values = {"bucket_id": bucket_id, "measurement": measurement, "field": field.id}
        with self._database.transaction() as connection:
            return bool(connection.execute(text(_HOLDS), values).scalar_one())

    def points(
        self,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        *,
        after: Sequence[int] | None,
        limit: int,
        descending: bool,
    ) -> tuple[Sequence[ResultRow], Sequence[int] | None]:
        """Up to `limit` points in order of time, then of series, and the position of the last if there are more."""
        if not groups or not fields:
            return (), None
        return read_points(
            self._database.run, selection, groups, fields, after=after, limit=limit, descending=descending
        )

    def pages(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], *, limit: int, descending: bool
    ) -> Iterator[Sequence[ResultRow]]:
        """All points in order of time, then of series, up to `limit` at once; each page is a transaction by itself."""
        position = None
        while True:
            rows, position = self.points(selection, groups, fields, after=position, limit=limit, descending=descending)
            yield rows
            if position is None:
                return

    def windows(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], aggregate: Aggregate, grid: Grid
    ) -> Sequence[ResultRow]:
        """The windows that hold points, by group and time."""
        if not groups or not fields:
            return ()
        read = read_windows_of_sums if windows_of_sums(selection, fields, aggregate, grid) else read_windows
        return read(self._database.run, selection, groups, fields, aggregate, grid)

    def latest(
        self,
        bucket_id: int,  # noqa: ARG002  the ids of the series are enough
        series: Sequence[Series],
        fields: Mapping[str, Sequence[Field]],
        *,
        tags: Mapping[str, str],  # noqa: ARG002
        person: int | None,  # noqa: ARG002
    ) -> Sequence[ResultRow]:
        """The last point of each series, whose place is the row's group; series without a point are left out."""
        every = [it for some in fields.values() for it in some]
        return read_latest(self._database.run, [one.id for one in series], every)

    def delete(self, selection: Selection, groups: Sequence[Group], require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of a selection, whose series the groups are, in parts; returns how many values.

        `require` is called last, in the surrounding transaction. Raises what it raises.
        """
        series = numbers(number for group in groups for number in group.series)
        values = {
            "series": series,
            "start": selection.start_ns,
            "stop": selection.stop_ns,
            "limit": ERASED_AT_ONCE,
        }
        count = 0
        while True:
            with self._database.transaction() as connection:
                days: dict[tuple[int, int], int] = {
                    (number, day): size for number, day, size in connection.execute(text(_DELETE), values).tuples()
                }
                part = sum(days.values())
                count_removed(connection, selection.bucket_id, part)
                clear_days(connection, days, self._clock.now_ns())
                count += part
            if part < ERASED_AT_ONCE:
                require()
                return count

    def tidy(self, bucket_id: int, groups: Sequence[Group]) -> None:
        """Remove the series among these that have no points left."""
        with self._database.transaction() as connection:
            # The bucket is locked first, so that no write runs at the same time.
            connection.execute(text(_LOCK), {"bucket_id": bucket_id})
            remove_empty(connection, numbers(number for group in groups for number in group.series))

    def erase(self, bucket_ids: Sequence[int], person: int | None, require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of buckets, or one person's there, in parts; returns how many values.

        `require` is called last in the transaction of each part. Raises what it raises.
        """
        return sum(self._erase(bucket_id, person, require) for bucket_id in bucket_ids)

    def _erase(self, bucket_id: int, person: int | None, require: Callable[[], None]) -> int:
        values = {"bucket_id": bucket_id, "person": person, "limit": ERASED_AT_ONCE}
        count = 0
        while True:
            with self._database.transaction() as connection:
                connection.execute(text(_LOCK), values)
                connection.execute(text(_FORGET_SUMS), values)
                part = connection.execute(text(_ERASE_POINTS), values).rowcount
                count_removed(connection, bucket_id, part)
                count += part
                if part < ERASED_AT_ONCE:
                    connection.execute(text(_ERASE_SERIES), values)
                require()
                if part < ERASED_AT_ONCE:
                    return count

    def settle(self) -> None:
        """Add up the counts of days that are over."""
        if self._counts is not None:
            with self._database.transaction() as connection:
                self._counts.fold(connection)


def _cells(
    connection: Connection, bucket_id: int, points: Sequence[Point], limits: Limits | None, known: KnownKeys
) -> list[dict[Cell, Value]]:
    """The values of each point by cell: the ids of series and field, and the time."""
    series = series_ids(connection, bucket_id, {(point.measurement, point.tags) for point in points}, limits, known)
    measurements = texts({measurement for measurement, _ in series})
    fields: dict[str, dict[str, int]] = {}
    for row in connection.execute(_FIELD_IDS, {"bucket_id": bucket_id, "measurements": measurements}):
        fields.setdefault(row.measurement, {})[row.field] = row.id
        known.saw_field(bucket_id, row.measurement, Field(row.id, row.field, row.type))
    cells = []
    for measurement, tags, values, time_ns in points:
        number, names = series[measurement, tags], fields[measurement]
        cells.append({(number, time_ns, names[name]): value for name, value in values.items()})
    return cells


def _upsert(connection: Connection, cells: Mapping[Cell, Value]) -> dict[Cell, bool]:
    """Write cells; returns for each cell that changed whether it is new."""
    # A statement sorts its rows itself; only the rows of several statements must be sorted before.
    ordered = list(cells) if len(cells) <= ROWS_A_STATEMENT else sorted(cells)
    written: dict[Cell, bool] = {}
    for begin in range(0, len(ordered), ROWS_A_STATEMENT):
        part = ordered[begin : begin + ROWS_A_STATEMENT]
        written |= _outcome(part, _run(connection, _UPSERT, part, [cells[cell] for cell in part]))
    return written


def _run(
    connection: Connection,
    statement: Statement,
    cells: Sequence[Cell],
    values: Sequence[Value],
    more: Mapping[str, object] = MappingProxyType({}),
) -> Sequence[Any]:
    return connection.execute(statement, {**_columns(cells, values), **more}).all()


def _outcome(cells: Sequence[Cell], rows: Sequence[Any]) -> dict[Cell, bool]:
    """For each cell that a statement changed, by the rows that it returned, whether it is new."""
    if rows[0].number == len(cells):
        return dict.fromkeys(cells, True)
    return {(row.series_id, row.time_ns, row.field_id): row.created for row in rows if row.created is not None}


def _columns(cells: Sequence[Cell], values: Sequence[Value]) -> dict[str, str | int]:
    plain = all(value.__class__ is float for value in values)
    return {
        "rows": len(cells),
        "series": numbers(cell[0] for cell in cells),
        "times": numbers(cell[1] for cell in cells),
        "fields": numbers(cell[2] for cell in cells),
        "numbers": numbers(
            values if plain else [None if isinstance(value, str) else float(value) for value in values]  # type: ignore[arg-type]
        ),
        "strings": "{}" if plain else texts(value if isinstance(value, str) else None for value in values),
    }
