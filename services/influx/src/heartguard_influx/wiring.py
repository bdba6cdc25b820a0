"""Where the time-series service is put together."""

from contextlib import nullcontext
from functools import partial

from flask import Flask

from heartguard_common.background import Background
from heartguard_common.clock import Clock
from heartguard_common.database import Database
from heartguard_common.edge import Parts, make_edge, open_parts
from heartguard_common.lifecycle import Resource
from heartguard_common.web import make_app
from heartguard_influx.routes import ROUTES, UseCases
from heartguard_influx.settings import Settings
from heartguard_influx.store import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import Exporting, Keeping, Querying, Stores, Summarizing, Writing

NAME = "influx"
PREFIX = "/timeseries"
RETENTION_SECONDS = 3600.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The time-series service, its points in InfluxDB where one is configured, otherwise in PostgreSQL."""
    parts = open_parts(NAME, settings, clock, effects_elsewhere=bool(settings.influx_url))
    stores = _in_influxdb(settings, parts) if settings.influx_url else _in_postgresql(parts)
    usecases = UseCases(
        writing=Writing(stores),
        querying=Querying(stores),
        keeping=Keeping(stores),
        exporting=Exporting(stores),
        summarizing=Summarizing(stores),
        clock=parts.clock,
    )
    retention = Background("retention", partial(_expire, usecases.keeping))
    parts.lifecycle.on_close(retention.start().close)
    return make_app(make_edge(NAME, settings, parts, prefix=PREFIX), ROUTES, usecases)


def _expire(keeping: Keeping) -> float:
    """Remove what need not be kept any longer; two who do so at the same time remove it once."""
    keeping.expire()
    return RETENTION_SECONDS


def _in_postgresql(parts: Parts) -> Stores:
    database = parts.database
    return Stores(
        buckets=PostgresBuckets(database),
        types=PostgresFieldTypes(database),
        points=PostgresStore(database),
        transaction=database.transaction,
        audit=parts.audit,
        clock=parts.clock,
    )


def _in_influxdb(settings: Settings, parts: Parts) -> Stores:
    from heartguard_influx.store.influx import (  # noqa: PLC0415  loaded only where it is used
        InfluxBuckets,
        InfluxStore,
        Server,
    )

    url, token, org = settings.influx_url, settings.influx_token, settings.influx_org
    server = parts.lifecycle.open(Resource("influxdb", lambda: Server(url, token, org), Server.ping, Server.close))
    # A pool of its own, whose transactions never join the one of an idempotency key: types and series of a batch
    # have to be there before it is sent, and stay when sending it fails half-way.
    registry = Database(settings.database_url)
    parts.lifecycle.on_close(registry.close)
    # Nothing of PostgreSQL is held while InfluxDB is waited for.
    return Stores(
        buckets=InfluxBuckets(registry, server),
        types=PostgresFieldTypes(registry),
        points=InfluxStore(registry, server),
        transaction=nullcontext,
        audit=parts.audit,
        clock=parts.clock,
    )
