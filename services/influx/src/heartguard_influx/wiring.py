"""Builds the time-series service from its settings."""

import logging
from contextlib import nullcontext
from functools import partial

from flask import Flask

from heartguard_common.core.background import FailureHandling
from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import NotReadyError, Resource
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.http.web import make_app
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_influx.deletion.usecases import RETENTION, Deletion
from heartguard_influx.routes import ROUTES
from heartguard_influx.settings import Settings
from heartguard_influx.store.point_metrics import PointMetrics
from heartguard_influx.store.postgres import PostgresBuckets, PostgresChangeLog, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import Stores, UseCases

NAME = "influx"
RETENTION_SECONDS = 3600.0
WAIT_FOR_STORES = FailureHandling(outages={NotReadyError: RetryPolicy(None, 60.0, 60.0)})
STORES = ("postgresql", "influxdb")


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The time-series service. Its points are in InfluxDB where one is configured, otherwise in PostgreSQL."""
    dependencies = open_dependencies(NAME, settings, clock, effects_elsewhere=bool(settings.influx_url))
    usecases = UseCases.over(
        _in_influxdb(settings, dependencies) if settings.influx_url else in_postgresql(dependencies)
    )
    retention = dependencies.background.start(
        "retention", partial(_expire, dependencies, usecases.deletion), failures=WAIT_FOR_STORES
    )
    queues = {RETENTION: ManagedQueue(wake=retention.wake)}
    return make_app(make_web_dependencies(NAME, settings, dependencies, queues=queues), ROUTES, usecases)


def _expire(dependencies: Dependencies, deletion: Deletion) -> float:
    """Remove points past their retention; each point once, also when several workers do this at the same time.

    Returns the seconds until the next run. Raises `NotReadyError` while a store is unavailable, which counts as a
    failure of no bucket.
    """
    for health in dependencies.lifecycle.readiness():
        if health.name in STORES and not health.ok:
            raise NotReadyError(f"{health.name} is unavailable")
    deletion.expire(dependencies.dead_letters)
    dependencies.dead_letters.purge()
    return RETENTION_SECONDS


def in_postgresql(dependencies: Dependencies) -> Stores:
    """The stores of a service without an InfluxDB."""
    database = dependencies.database
    return Stores(
        buckets=PostgresBuckets(database, dependencies.limits),
        types=PostgresFieldTypes(database, dependencies.limits),
        points=PostgresStore(database, dependencies.limits),
        transaction=database.transaction,
        audit=dependencies.audit,
        clock=dependencies.clock,
        authority=dependencies.authority,
        registry=database.transaction,
        refused=dependencies.limits.refused,
        observer=PointMetrics(dependencies.metrics),
        changes=PostgresChangeLog(database, PostgresStore.settled_seconds),
    )


def _in_influxdb(settings: Settings, dependencies: Dependencies) -> Stores:
    from heartguard_influx.store.influxdb import KINDS, InfluxBuckets, InfluxStore, LoggedAccess, Server  # noqa: PLC0415  loaded only where it is used

    url, token, org = settings.influx_url, settings.influx_token, settings.influx_org
    failures = dependencies.metrics.counter("heartguard_influxdb_failures", "Failures of InfluxDB", ("kind",))
    for kind in KINDS:
        failures.labels(kind)  # starts at 0: a series that starts at 1 would show no increase
    access = LoggedAccess(logging.getLogger(f"heartguard.{NAME}"))
    server = dependencies.lifecycle.open(
        Resource(
            "influxdb",
            lambda: Server(url, token, org, count=lambda kind: failures.labels(kind).inc()),
            lambda it: access.require(it.ping),
            Server.close,
        )
    )
    # A pool of its own, whose transactions never join the one of an idempotency key: the types and series of a batch
    # must be committed before it is sent, and stay when sending it fails half-way.
    registry = Database(settings.database_url, observer=dependencies.statements)
    dependencies.lifecycle.on_close(registry.close)
    limits = PostgresLimits(registry, dependencies.clock, settings.limit_defaults, dependencies.metrics.limit_refused)
    # No transaction of PostgreSQL stays open while the service waits for InfluxDB.
    return Stores(
        buckets=InfluxBuckets(registry, server, limits),
        types=PostgresFieldTypes(registry, limits),
        points=InfluxStore(registry, server, limits),
        transaction=nullcontext,
        audit=dependencies.audit,
        clock=dependencies.clock,
        authority=PostgresAuthority(registry),
        registry=registry.transaction,
        refused=dependencies.limits.refused,
        observer=PointMetrics(dependencies.metrics),
        changes=PostgresChangeLog(registry, InfluxStore.settled_seconds),
    )
