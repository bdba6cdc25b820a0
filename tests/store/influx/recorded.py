"""InfluxStore before a server that plays recorded exchanges; what PostgreSQL keeps is real."""

from contextlib import contextmanager
from dataclasses import dataclass

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.database import text
from heartguard_influx.fields.domain import field_type
from heartguard_influx.series.domain import Selection
from heartguard_influx.store.influxdb import InfluxBuckets, InfluxStore, Server
from heartguard_influx.store.influxdb.server import RequestLimits
from heartguard_influx.store.postgres import PostgresFieldTypes
from heartguard_influx.store.postgres.series import series_ids
from tests.fakes.influxdb.recorded import ORG, TOKEN, RecordedInfluxDB

BUCKET = "org_acme"
START, STOP = parse_rfc3339("2026-11-22T14:00:00Z"), parse_rfc3339("2026-11-22T15:00:00Z")
SECOND = 1_000_000_000
WATCH = (("device", "watch"), ("user_id", "u1"))
BAND = (("device", "band"), ("user_id", "u2"))
BARE = (("user_id", "u1"),)


@dataclass
class Recorded:
    """A store before its server, with the pauses it made."""

    store: InfluxStore
    buckets: InfluxBuckets
    server: Server
    bucket_id: int
    pauses: list
    recorded: RecordedInfluxDB


class Registry:
    """One organization with the bucket of the recording, its series and field types as the recording wrote them."""

    def __init__(self, database, org_id):
        self.pool = Pool(database.url_for("influx"))
        self.types = PostgresFieldTypes(self.pool)
        self._org_id = org_id

    @contextmanager
    def before(self, *names, changes=None, retention_days=90, org=ORG, token=TOKEN, bucket=BUCKET, **limits):
        with RecordedInfluxDB(*names, changes=changes) as recorded:
            pauses = []
            server = Server(recorded.url, token, org, limits=RequestLimits(**limits), sleep=pauses.append)
            buckets = InfluxBuckets(self.pool, server)
            bucket_id = buckets.create(self._org_id, bucket, retention_days).id
            try:
                yield Recorded(InfluxStore(self.pool, server), buckets, server, bucket_id, pauses, recorded)
            finally:
                server.close()
                self._forget(bucket_id)

    def _forget(self, bucket_id):
        with self.pool.transaction() as connection:
            for table in ("series", "field_types"):
                connection.execute(
                    text(f"DELETE FROM heartguard_core.{table} WHERE bucket_id = :id"), {"id": bucket_id}
                )
            connection.execute(text("DELETE FROM heartguard_core.buckets WHERE id = :id"), {"id": bucket_id})

    def know(self, bucket_id, measurement="heart_rate", series=(WATCH, BAND, BARE), fields=(("bpm", 1.0),)):
        """Register series and fields; returns the fields."""
        with self.pool.transaction() as connection:
            series_ids(connection, bucket_id, {(measurement, tags) for tags in series})
        self.types.register(bucket_id, {(measurement, name): field_type(value) for name, value in fields})
        return self.types.of(bucket_id, measurement)


def selection(bucket_id, measurement="heart_rate", **members):
    return Selection(bucket_id, measurement, START, STOP, members.pop("tags", {}), **members)
