"""Where the time-series service is put together."""

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
from heartguard_influx.routes import ROUTES, UseCases
from heartguard_influx.settings import Settings
from heartguard_influx.store import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import BucketAdministration, Exporting, Fields, Querying, Stores, Summarizing, Writing
from heartguard_influx.usecases.bucket_administration import RETENTION

NAME = "influx"
RETENTION_SECONDS = 3600.0
WAIT_FOR_STORES = FailureHandling(outages={NotReadyError: RetryPolicy(None, 60.0, 60.0)})
STORES = ("postgresql", "influxdb")


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The time-series service, its points in InfluxDB where one is configured, otherwise in PostgreSQL."""
    dependencies = open_dependencies(NAME, settings, clock, effects_elsewhere=bool(settings.influx_url))
    usecases = make_usecases(
        _in_influxdb(settings, dependencies) if settings.influx_url else in_postgresql(dependencies)
    )
    retention = dependencies.background.start(
        "retention", partial(_expire, dependencies, usecases.administration), failures=WAIT_FOR_STORES
    )
    queues = {RETENTION: ManagedQueue(wake=retention.wake)}
    return make_app(make_web_dependencies(NAME, settings, dependencies, queues=queues), ROUTES, usecases)


def make_usecases(stores: Stores) -> UseCases:
    """What the routes call, on these stores."""
    return UseCases(
        writing=Writing(stores),
        querying=Querying(stores),
        administration=BucketAdministration(stores),
        fields=Fields(stores),
        exporting=Exporting(stores),
        summarizing=Summarizing(stores),
        clock=stores.clock,
    )


def _expire(dependencies: Dependencies, administration: BucketAdministration) -> float:
    """Remove what need not be kept any longer; two who do so at the same time remove it once.

    Returns the seconds until the next time. Raises `NotReadyError` while a store is unavailable, which counts against
    no bucket.
    """
    for health in dependencies.lifecycle.readiness():
        if health.name in STORES and not health.ok:
            raise NotReadyError(f"{health.name} is unavailable")
    administration.expire(dependencies.dead_letters)
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
    )


def _in_influxdb(settings: Settings, dependencies: Dependencies) -> Stores:
    from heartguard_influx.store.influx import (  # noqa: PLC0415  loaded only where it is used
        KINDS,
        InfluxBuckets,
        InfluxStore,
        LoggedAccess,
        Server,
    )

    url, token, org = settings.influx_url, settings.influx_token, settings.influx_org
    failures = dependencies.metrics.counter("heartguard_influxdb_failures", "Failures of InfluxDB", ("kind",))
    for kind in KINDS:
        failures.labels(kind)  # a series that begins with 1 would show no increase
    access = LoggedAccess(logging.getLogger(f"heartguard.{NAME}"))
    server = dependencies.lifecycle.open(
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
    dependencies.lifecycle.on_close(registry.close)
    limits = PostgresLimits(registry, dependencies.clock, settings.limit_defaults, dependencies.metrics.limit_refused)
    # Nothing of PostgreSQL is held while InfluxDB is waited for.
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
    )
