"""The ports made of PostgreSQL."""

from heartguard_influx.store.postgres.buckets import PostgresBuckets
from heartguard_influx.store.postgres.changes import PostgresChangeLog
from heartguard_influx.store.postgres.day_sums import DaySums
from heartguard_influx.store.postgres.field_types import PostgresFieldTypes
from heartguard_influx.store.postgres.points import PostgresStore
from heartguard_influx.store.postgres.quick_reads import QuickReads
from heartguard_influx.store.postgres.range_reads import PostgresRangeReader

__all__ = [
    "DaySums",
    "PostgresBuckets",
    "PostgresChangeLog",
    "PostgresFieldTypes",
    "PostgresRangeReader",
    "PostgresStore",
    "QuickReads",
]
