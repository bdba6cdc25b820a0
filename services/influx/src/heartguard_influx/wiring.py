"""Where the time-series service is put together."""

from flask import Flask

from heartguard_common.clock import Clock
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.web import make_app
from heartguard_influx.routes import ROUTES, UseCases
from heartguard_influx.settings import Settings
from heartguard_influx.store import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import Keeping, Querying, Writing

NAME = "influx"
PREFIX = "/timeseries"


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The time-series service, its points in PostgreSQL."""
    parts = open_parts(NAME, settings, clock)
    transaction = parts.database.transaction
    buckets, types = PostgresBuckets(parts.database), PostgresFieldTypes(parts.database)
    store = PostgresStore(parts.database)
    usecases = UseCases(
        writing=Writing(transaction, buckets, types, store, parts.clock),
        querying=Querying(transaction, buckets, types, store),
        keeping=Keeping(transaction, buckets, store, parts.audit),
    )
    return make_app(make_edge(NAME, settings, parts, prefix=PREFIX), ROUTES, usecases)
