"""Where the time-series service is put together."""

import logging
from contextlib import nullcontext
from functools import partial

from flask import Flask

from heartguard_common.authority_store import PostgresAuthority
from heartguard_common.background import Background
from heartguard_common.clock import Clock
from heartguard_common.database import Database
from heartguard_common.dead_letters import Queue
from heartguard_common.edge import Parts, make_edge, open_parts
from heartguard_common.lifecycle import Resource
from heartguard_common.limit_store import PostgresLimits
from heartguard_common.web import make_app
from heartguard_influx.routes import ROUTES, UseCases
from heartguard_influx.settings import Settings
from heartguard_influx.store import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import Exporting, Fields, Keeping, Querying, Stores, Summarizing, Writing
from heartguard_influx.usecases.keeping import RETENTION

NAME = "influx"
PREFIX = "/timeseries"
RETENTION_SECONDS, LATER_SECONDS = 3600.0, 60.0
STORES = ("postgresql", "influxdb")


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The time-series service, its points in InfluxDB where one is configured, otherwise in PostgreSQL."""
    parts = open_parts(NAME, settings, clock, effects_elsewhere=bool(settings.influx_url))
    usecases = make_usecases(_in_influxdb(settings, parts) if settings.influx_url else in_postgresql(parts))
    retention = Background("retention", partial(_expire, parts, usecases.keeping)).start()
    parts.lifecycle.on_close(retention.close)
    queues = {RETENTION: Queue(wake=retention.wake)}
    return make_app(make_edge(NAME, settings, parts, prefix=PREFIX, queues=queues), ROUTES, usecases)


def make_usecases(stores: Stores) -> UseCases:
    """What the routes call, on these stores."""
    return UseCases(
        writing=Writing(stores),
        querying=Querying(stores),
        keeping=Keeping(stores),
        fields=Fields(stores),
        exporting=Exporting(stores),
        summarizing=Summarizing(stores),
        clock=stores.clock,
    )


def _expire(parts: Parts, keeping: Keeping) -> float:
    """Remove what need not be kept any longer; two who do so at the same time remove it once.

    Returns the seconds until the next time: soon, where a store is away, which is the fault of no bucket.
    """
    if not all(health.ok for health in parts.lifecycle.readiness() if health.name in STORES):
        return LATER_SECONDS
    keeping.expire(parts.letters)
    parts.letters.purge()
    return RETENTION_SECONDS


def in_postgresql(parts: Parts) -> Stores:
    """The stores of a service without an InfluxDB."""
    database = parts.database
    return Stores(
        buckets=PostgresBuckets(database, parts.limits),
        types=PostgresFieldTypes(database, parts.limits),
        points=PostgresStore(database, parts.limits),
        transaction=database.transaction,
        audit=parts.audit,
        clock=parts.clock,
        authority=parts.authority,
        registry=database.transaction,
        refused=parts.limits.refused,
    )


def _in_influxdb(settings: Settings, parts: Parts) -> Stores:
    from heartguard_influx.store.influx import (  # noqa: PLC0415  loaded only where it is used
        KINDS,
        InfluxBuckets,
        InfluxStore,
        LoggedAccess,
        Server,
    )

    url, token, org = settings.influx_url, settings.influx_token, settings.influx_org
    failures = parts.metrics.counter("heartguard_influxdb_failures", "Failures of InfluxDB", ("kind",))
    for kind in KINDS:
        failures.labels(kind)  # a series that begins with 1 would show no increase
    access = LoggedAccess(logging.getLogger(f"heartguard.{NAME}"))
    server = parts.lifecycle.open(
        Resource(
            "influxdb",
            lambda: Server(url, token, org, count=lambda kind: failures.labels(kind).inc()),
            lambda it: access.require(it.ping),
            Server.close,
        )
    )
    # A pool of its own, whose transactions never join the one of an idempotency key: types and series of a batch
    # have to be there before it is sent, and stay when sending it fails half-way.
    registry = Database(settings.database_url)
    parts.lifecycle.on_close(registry.close)
    limits = PostgresLimits(registry, parts.clock, settings.limit_defaults, parts.metrics.limit_refused)
    # Nothing of PostgreSQL is held while InfluxDB is waited for.
    return Stores(
        buckets=InfluxBuckets(registry, server, limits),
        types=PostgresFieldTypes(registry, limits),
        points=InfluxStore(registry, server, limits),
        transaction=nullcontext,
        audit=parts.audit,
        clock=parts.clock,
        authority=PostgresAuthority(registry),
        registry=registry.transaction,
        refused=parts.limits.refused,
    )
