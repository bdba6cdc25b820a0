"""Points in InfluxDB; buckets, field types and series, which are needed before a batch is sent, are in PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence

import psycopg2

from heartguard_common.core.errors import ServiceError
from heartguard_common.core.limits import Limits
from heartguard_common.stores.database import Connection, Database, text
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_influx.buckets.domain import days_in_influxdb
from heartguard_influx.errors import NO_BUCKET, STORE_FAILED
from heartguard_influx.fields.domain import Field
from heartguard_influx.points.domain.point import Point, Sender, Verdict
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS, PERSON_TAG, Group, Selection
from heartguard_influx.store.influxdb import flux
from heartguard_influx.store.influxdb.failures import ERASURE
from heartguard_influx.store.influxdb.lines import rejection
from heartguard_influx.store.influxdb.reading import BUCKET, InfluxReader
from heartguard_influx.store.influxdb.sending import Outcome, send
from heartguard_influx.store.influxdb.server import RefusedError, Server
from heartguard_influx.store.postgres.buckets import PostgresBuckets
from heartguard_influx.store.postgres.counts import PointCounts, count_removed
from heartguard_influx.store.postgres.series import series_ids

_NAMES = "SELECT name FROM heartguard_core.buckets WHERE org_id = :org_id"
_LOCK_KEY_SHARE = f"{BUCKET} FOR KEY SHARE"
_LOCK = "SELECT FROM heartguard_core.buckets WHERE id = :id FOR UPDATE"
_REMOVE_SERIES = """
DELETE FROM heartguard_core.series
WHERE bucket_id = :id AND (cast(:person AS bigint) IS NULL OR user_id = :person)
"""


class InfluxBuckets(PostgresBuckets):
    """Buckets in PostgreSQL, whose points are in an InfluxDB bucket of the same name."""

    def __init__(self, database: Database, server: Server, limits: Limits | None = None) -> None:
        super().__init__(database, limits)
        self._registry = database
        self._server = server

    def remove(self, bucket_id: int) -> int:
        """Remove a bucket from PostgreSQL and InfluxDB; returns how many buckets that were."""
        with self._registry.transaction() as connection:
            # Locked first, so that no series is registered between the removal of the others and that of the row.
            connection.execute(text(_LOCK), {"id": bucket_id})
            row = connection.execute(text(BUCKET), {"id": bucket_id}).first()
            connection.execute(text(_REMOVE_SERIES), {"id": bucket_id, "person": None})
            removed = super().remove(bucket_id)
            if row is not None:
                # Before the removal of the row is committed: a writer who finds no bucket in InfluxDB checks the row
                # before creating one.
                self._server.remove_bucket(row.name)
            return removed


class InfluxStore(InfluxReader):
    """The time-series store in an InfluxDB 2.

    `registry` must be a pool whose transactions are its own: what is registered there has to outlive a batch that
    fails, since part of the batch may have been stored.
    """

    # A batch is sent at most 5 s after its permission, and given up after 17 s more (see `RequestLimits`). Before that
    # come statements of PostgreSQL, each of which ends within 25 s: they may leave a series or a bucket, but no point.
    settled_seconds = 60.0

    def __init__(self, registry: Database, server: Server, limits: PostgresLimits | None = None) -> None:
        """`limits` of the registry; without them nothing is counted."""
        super().__init__(registry, server)
        self._limits = limits
        self._counts = None if limits is None else PointCounts(limits)

    def rejection(self, point: Point) -> str | None:
        """Why InfluxDB can't keep the point as it is, or None."""
        return rejection(point)

    def write(
        self,
        bucket_id: int,
        points: Sequence[Point],
        sender: Sender | None = None,
        require: Callable[[], None] = lambda: None,
    ) -> Sequence[Verdict]:
        """Store points whose field types are registered; `stored` or `rejected` for each, in order.

        `require` is called before each part of them is sent. Raises what it raises, TS_001 when the bucket is deleted
        meanwhile, TS_030 to TS_033 when the server fails, `LimitError` and `TooManySeries`. Values are counted before
        they are sent, and those that the server refuses are subtracted. The server doesn't tell which values it
        replaced, so a value that is written again counts again.
        """
        try:
            with self._registry.transaction() as connection:
                name = connection.execute(text(BUCKET), {"id": bucket_id}).scalar()
                series = {(point.measurement, point.tags) for point in points}
                series_ids(connection, bucket_id, series, self._limits)
                if name is not None:
                    self._count(connection, sender, points)
        except psycopg2.IntegrityError as error:
            raise ServiceError(NO_BUCKET) from error
        if name is None:
            raise ServiceError(NO_BUCKET)

        def deliver(lines: Sequence[str]) -> Outcome | None:
            require()
            try:
                self._deliver(bucket_id, name, lines)
            except RefusedError as refusal:
                return Outcome(refusal.message)
            return None

        try:
            verdicts = send(points, deliver)
        except ServiceError:
            self._uncount(sender, points)
            raise
        self._uncount(sender, [point for point, it in zip(points, verdicts, strict=True) if it.status == "rejected"])
        return verdicts

    def _count(self, connection: Connection, sender: Sender | None, points: Sequence[Point]) -> None:
        if self._counts is not None and sender is not None:
            amount = sum(len(point.fields) for point in points)
            self._counts.admit(connection, sender, amount)
            self._counts.count(connection, sender, amount, amount)

    def _uncount(self, sender: Sender | None, points: Sequence[Point]) -> None:
        amount = sum(len(point.fields) for point in points)
        if self._counts is not None and sender is not None and amount:
            with self._registry.transaction() as connection:
                self._counts.count(connection, sender, -amount, -amount)

    def tidy(self, bucket_id: int, groups: Sequence[Group]) -> None:
        """Do nothing: a batch that is being sent holds no lock in PostgreSQL, so its series must stay."""

    def settle(self) -> None:
        """Add up the counts of days that are over; where much is stored, correct the sum by counting.

        The sums include values that were written twice and values that the server has removed by its own retention.
        """
        if self._counts is None:
            return
        with self._registry.transaction() as connection:
            self._counts.fold(connection)
            large = self._counts.over_half(connection)
        for org_id, stored in large.items():
            with self._registry.transaction() as connection:
                names = connection.execute(text(_NAMES), {"org_id": org_id}).scalars()
            count = sum(self._stored(name, None) for name in names)
            with self._registry.transaction() as connection:
                self._counts.correct(connection, org_id, count - stored)

    def _stored(self, name: str, person: int | None) -> int:
        """How many values a bucket has, or one person has in it."""
        return self._count_values(flux.everything(name, EARLIEST_NS, LATEST_NS, person))

    def _deliver(self, bucket_id: int, name: str, lines: Sequence[str]) -> None:
        try:
            self._server.write(name, lines)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
            self._create_bucket(bucket_id)
            self._server.write(name, lines)

    def _create_bucket(self, bucket_id: int) -> None:
        """Create the bucket in InfluxDB, which has none before the first point."""
        with self._registry.transaction() as connection:
            row = connection.execute(text(_LOCK_KEY_SHARE), {"id": bucket_id}).first()
            if row is None:
                raise ServiceError(NO_BUCKET)
            self._server.make_bucket(row.name, days_in_influxdb(row.name, row.org_id, row.retention_days))

    def holds(self, bucket_id: int, measurement: str, field: Field) -> bool:
        """Whether a point with this field is stored."""
        everything = Selection(bucket_id, measurement, EARLIEST_NS, LATEST_NS, {})
        with self._read(flux.totals(self._select(everything, [field]), "first")) as records:
            return any(True for _ in records)

    def delete(self, selection: Selection, groups: Sequence[Group], require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of a selection, whose series the groups are; returns how many values that were.

        `require` is called before the server is asked to. Raises what it raises.
        """
        members, _ = self._members(selection, groups)
        query = self._select(selection, [])
        count = self._count_values(query, members)
        if count:
            columns = {"_measurement": selection.measurement, **selection.tags}
            if selection.person is not None:
                columns[PERSON_TAG] = str(selection.person)
            require()
            self._delete(self._name(selection.bucket_id), selection.start_ns, selection.stop_ns, columns)
            with self._registry.transaction() as connection:
                count_removed(connection, selection.bucket_id, count)
        return count

    def erase(self, bucket_ids: Sequence[int], person: int | None, require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of buckets, or one person's there; returns how many values that were.

        `require` is called before each bucket, outside of the transaction that waits for the server. Raises what it
        raises.
        """
        removed = 0
        for bucket_id in bucket_ids:
            require()
            removed += self._erase(bucket_id, person)
        return removed

    def _erase(self, bucket_id: int, person: int | None) -> int:
        with self._registry.transaction() as connection:
            connection.execute(text(_LOCK), {"id": bucket_id})
            name = connection.execute(text(BUCKET), {"id": bucket_id}).scalar()
            if name is None:
                return 0
            count = self._stored(name, person)
            self._delete(name, EARLIEST_NS, LATEST_NS, {} if person is None else {PERSON_TAG: str(person)})
            # The server acknowledges a deletion also when the token may not delete.
            if count and self._stored(name, person):
                self._server.count(ERASURE)
                raise ServiceError(STORE_FAILED)
            connection.execute(text(_REMOVE_SERIES), {"id": bucket_id, "person": person})
            count_removed(connection, bucket_id, count)
            return count

    def _delete(self, name: str, start_ns: int, stop_ns: int, columns: Mapping[str, str]) -> None:
        try:
            self._server.delete(name, start_ns, stop_ns, flux.predicate(columns))
        except RefusedError as refusal:
            raise ServiceError(STORE_FAILED) from refusal
