"""Small batches that come at the same time, stored in one transaction.

A write of one point costs PostgreSQL three statements and a wait for the disk, and the process as many round trips,
whether it stores one point or twenty. So one thread stores what has come meanwhile for all (`collector.py`).

Only what is usual is stored here: known series and fields, no rejection, no limit near, nobody refused. A batch with
anything else gets None, and the caller stores it by itself, as if it had never been here. So does everybody whose
transaction failed, whichever batch was the reason.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import psycopg2

from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authority_store import ENTERED_EACH, ENTERED_TYPES, WriterEntry
from heartguard_common.stores.arrays import numbers, texts
from heartguard_common.stores.database import Connection, Database, prepared
from heartguard_influx.buckets.domain import Bucket
from heartguard_influx.fields.domain import TYPE_BY_CLASS, Value
from heartguard_influx.points.domain.duplicates import Batch, Cell
from heartguard_influx.points.domain.point import Point, Sender, Verdict, flagged
from heartguard_influx.points.ports import SmallWrite, StoredBatch
from heartguard_influx.store.postgres.buckets import ROW_OF_BUCKET, bucket_of
from heartguard_influx.store.postgres.collector import Collector
from heartguard_influx.store.postgres.counts import COUNTED_EACH, PointCounts
from heartguard_influx.store.postgres.day_sums import clear
from heartguard_influx.store.postgres.known_keys import KnownKeys

MOST_TOGETHER = 64
# A writer waits for a deletion, or for another writer of the same points; those who are stored with it need not.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '200ms'"

_ENTER = prepared(
    f"""
    WITH entered AS MATERIALIZED ({ENTERED_EACH})
    SELECT e.place, e.admitted, e.erased, b.* FROM entered AS e
    JOIN unnest(:orgs, :buckets) WITH ORDINALITY AS r (org_id, bucket, place) ON r.place = e.place
    LEFT JOIN LATERAL ({ROW_OF_BUCKET} AND b.org_id = r.org_id AND b.name = r.bucket FOR KEY SHARE OF b) AS b ON true
    """,  # noqa: S608
    **ENTERED_TYPES,
    buckets="text[]",
)
_STORE = prepared(
    f"""
    WITH wanted AS MATERIALIZED (
        SELECT w.* FROM unnest(:series, :times, :fields, :numbers, :strings, :buckets, :orgs, :users)
            AS w (series_id, time_ns, field_id, number, string, bucket_id, org_id, user_id)
        JOIN heartguard_core.series AS s ON s.id = w.series_id AND s.bucket_id = w.bucket_id
        JOIN heartguard_core.field_types AS f ON f.id = w.field_id AND f.bucket_id = w.bucket_id
    ), written AS (
        INSERT INTO heartguard_core.points AS p (series_id, time_ns, field_id, number, string)
        SELECT series_id, time_ns, field_id, number, string FROM wanted
        WHERE (SELECT count(*) FROM wanted) = cardinality(:series) ORDER BY 1, 2, 3
        ON CONFLICT (series_id, time_ns, field_id) DO UPDATE SET number = excluded.number, string = excluded.string
        WHERE p.number IS DISTINCT FROM excluded.number OR p.string IS DISTINCT FROM excluded.string
        RETURNING series_id, time_ns, field_id, xmax = 0 AS created
    ), changed AS MATERIALIZED (
        SELECT w.org_id, w.user_id, r.* FROM written AS r JOIN wanted AS w USING (series_id, time_ns, field_id)
    ), {COUNTED_EACH}
    SELECT (SELECT count(*) FROM wanted) AS found,
        (SELECT array_agg(ARRAY[series_id, time_ns, field_id, cast(created AS integer)]) FROM changed) AS changed,
        (SELECT array_agg(ARRAY[org_id, user_id, used]) FROM sent) AS sent
    """,  # noqa: S608
    series="bigint[]",
    times="bigint[]",
    fields="integer[]",
    numbers="float8[]",
    strings="text[]",
    buckets="bigint[]",
    orgs="integer[]",
    users="integer[]",
    today="date",
)


class _NotTogetherError(Exception):
    """The batches can't be stored in one transaction."""


class _Entry(NamedTuple):
    """A writer, for these people, in this bucket: asked once for all batches of a group that have it."""

    writer: WriterEntry
    bucket: str


@dataclass
class _Stored:
    """A batch of the group that is being stored, with its cells."""

    place: int
    sender: Sender
    bucket_id: int
    batch: Batch

    def verdicts(self, points: Sequence[Point], changed: Mapping[Cell, bool]) -> list[Verdict]:
        """What became of its points, by what each changed cell was before."""
        statuses = self.batch.statuses(changed)
        return [flagged(point, Verdict(status)) for point, status in zip(points, statuses, strict=True)]


class SmallWrites:
    """A `SmallWriter` over PostgreSQL."""

    def __init__(
        self,
        database: Database,
        counts: PointCounts,
        known: KnownKeys,
        announce: Callable[[Sequence[StoredBatch]], None],
        clock: Clock,
    ) -> None:
        """`announce` gets the batches of each transaction before its commit."""
        self._announce = announce
        self._clock = clock
        self._database = database
        self._counts = counts
        self._known = known
        self._collector = Collector(self._store, MOST_TOGETHER)

    @property
    def waiting(self) -> int:
        """How many batches wait for the transaction of others to end."""
        return self._collector.waiting

    def write(self, batch: SmallWrite) -> Sequence[Verdict] | None:
        """The status of each point, None where nothing of the batch is stored."""
        connection = self._database.current_connection()
        if connection is not None:
            # The transaction of an idempotency key is nobody else's: stored in it, as a group of one.
            return self._store_in(connection, [batch], alone=True)[0]
        with self._database.place():
            return self._collector.result(batch)

    def _store(self, batches: Sequence[SmallWrite]) -> Sequence[Sequence[Verdict] | None]:
        try:
            with self._database.transaction() as connection:
                connection.with_next(_LOCK_TIMEOUT)
                return self._store_in(connection, batches, alone=False)
        except (psycopg2.Error, ServiceError, _NotTogetherError):
            return [None] * len(batches)

    def _store_in(
        self, connection: Connection, batches: Sequence[SmallWrite], *, alone: bool
    ) -> list[Sequence[Verdict] | None]:
        """What is stored of each batch. Raises `LimitError` for a batch `alone` whose sender has reached their limit.

        `_NotTogetherError` for several, where one of the senders has.
        """
        verdicts: list[Sequence[Verdict] | None] = [None] * len(batches)
        storable = list(self._storable(connection, batches))
        changed = self._write(connection, storable, alone=alone) if storable else None
        if changed is not None:
            stored = [
                StoredBatch(one.sender.org_id, batches[one.place].bucket, points, one.verdicts(points, changed))
                for one in storable
                for points in [batches[one.place].points]
            ]
            for one, batch in zip(storable, stored, strict=True):
                verdicts[one.place] = batch.verdicts
            self._announce(stored)
        return verdicts

    def _storable(self, connection: Connection, batches: Sequence[SmallWrite]) -> Iterator[_Stored]:
        """The batches that may be stored, with locks on their people and buckets, and without a cell in common."""
        entries = [_Entry(WriterEntry.of(it.principal, it.persons), it.bucket) for it in batches]
        found = _enter(connection, list(dict.fromkeys(entries)))
        taken: set[Cell] = set()
        for place, (entry, batch) in enumerate(zip(entries, batches, strict=True)):
            bucket = found.get(entry)
            if bucket is None or bucket.id is None or not batch.acceptable(bucket):
                continue
            cells = self._cells(bucket.id, batch)
            if cells is None or cells.last or not taken.isdisjoint(cells.first):
                continue
            sender = Sender(bucket.org_id, batch.principal.user_id or 0)
            if self._counts.admit_unhindered(connection, sender, len(cells.first)):
                taken.update(cells.first)
                yield _Stored(place, sender, bucket.id, cells)

    def _cells(self, bucket_id: int, batch: SmallWrite) -> Batch | None:
        """The values of a batch by cell, None where a series or field is not known, or has another type."""
        cells: list[Mapping[Cell, Value]] = []
        for point in batch.points:
            series = self._known.series(bucket_id, point.measurement, point.tags)
            fields: dict[Cell, Value] = {}
            for name, value in point.fields.items():
                field = self._known.field(bucket_id, point.measurement, name)
                if series is None or field is None or field.type != TYPE_BY_CLASS[value.__class__]:
                    return None
                fields[series, point.time_ns, field.id] = value
            cells.append(fields)
        return Batch(cells)

    def _write(self, connection: Connection, storable: Sequence[_Stored], *, alone: bool) -> dict[Cell, bool] | None:
        """Write the cells and count them; for each that changed whether it is new. Raises as `_store_in`.

        None, and nothing is written, where a series or field is gone that was known.
        """
        rows = [(cell, value, one) for one in storable for cell, value in one.batch.first.items()]
        found = connection.execute(_STORE, _columns(rows, self._counts.today())).one()
        if found.found != len(rows):
            self._known.forget({one.bucket_id for one in storable})
            return None
        for org_id, user_id, used in found.sent or ():
            if alone:
                self._counts.require_member(Sender(org_id, user_id), used)
            elif not self._counts.member_has_room(Sender(org_id, user_id), used):
                raise _NotTogetherError
        changed = {(series, time_ns, field): bool(created) for series, time_ns, field, created in found.changed or ()}
        clear(connection, changed, self._clock.now_ns())
        return changed


def _enter(connection: Connection, entries: Sequence[_Entry]) -> dict[_Entry, Bucket]:
    """The bucket of each writer who is admitted, and none of whose people was deleted; locked, with its people."""
    columns = list(zip(*(entry.writer for entry in entries), strict=True))
    orgs, persons, actors, roles, jtis, sids, kids, api_keys = columns
    values = {
        "orgs": numbers(orgs),
        "persons": texts(persons),
        "actors": numbers(actors),
        "roles": texts(roles),
        "jtis": texts(jtis),
        "sids": texts(sids),
        "kids": texts(kids),
        "api_keys": texts(api_keys),
        "buckets": texts(entry.bucket for entry in entries),
    }
    rows = connection.execute(_ENTER, values)
    return {entries[row.place - 1]: bucket_of(row) for row in rows if row.admitted and not row.erased and row.id}


def _columns(rows: Sequence[tuple[Cell, Value, _Stored]], today: date) -> dict[str, object]:
    values = [value for _, value, _ in rows]
    return {
        "series": numbers(cell[0] for cell, _, _ in rows),
        "times": numbers(cell[1] for cell, _, _ in rows),
        "fields": numbers(cell[2] for cell, _, _ in rows),
        "numbers": numbers(None if isinstance(value, str) else float(value) for value in values),
        "strings": texts(value if isinstance(value, str) else None for value in values),
        "buckets": numbers(one.bucket_id for _, _, one in rows),
        "orgs": numbers(one.sender.org_id for _, _, one in rows),
        "users": numbers(one.sender.user_id for _, _, one in rows),
        "today": today,
    }
