"""The ports made of PostgreSQL."""

from heartguard_influx.store.buckets import PostgresBuckets, PostgresFieldTypes
from heartguard_influx.store.points import PostgresStore

__all__ = ["PostgresBuckets", "PostgresFieldTypes", "PostgresStore"]
