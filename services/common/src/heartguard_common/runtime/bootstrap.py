"""How every service but the gateway starts: settings, database, Redis, authentication."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heartguard_common.audit.log import AuditLog
from heartguard_common.audit.outbox import Outbox
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core import logs
from heartguard_common.core.background import BackgroundTasks
from heartguard_common.core.clock import Clock, SystemClock
from heartguard_common.core.lifecycle import Lifecycle, Resource
from heartguard_common.core.limits import limit_values
from heartguard_common.core.metrics import Metrics
from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import CommonSettings, choice, variable, whole
from heartguard_common.http.idempotency import IdempotencyKeys
from heartguard_common.http.lanes import Lanes
from heartguard_common.http.web import WebDependencies
from heartguard_common.identity import policy
from heartguard_common.identity.authentication import (
    KEY_SET_PATH,
    Authenticator,
    KeySource,
    PublishedKeys,
    TokenVerifier,
    make_key_source,
)
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.identity.revocation import Revocations
from heartguard_common.identity.revocation_check import RedisRevocations
from heartguard_common.identity.revocation_copy import RevocationCopy
from heartguard_common.jobs.background_reports import report_background
from heartguard_common.jobs.background_work import BackgroundWork
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.jobs.dead_letters import DeadLetters, ManagedQueue
from heartguard_common.messages import JwkSet
from heartguard_common.stores.database import Database, driver_url
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_common.stores.redis_client import RedisClient, make_redis
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.stores.spool import Spool

MEBIBYTE = 1024 * 1024


def database_url(text: str) -> str:
    """A cast for the URL of a PostgreSQL."""
    driver_url(text)
    return text


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(CommonSettings):
    """The settings that every service with a database reads."""

    database_url: str = variable("DATABASE_URL", database_url)
    environment: str = variable("HEARTGUARD_ENV", choice("production", "test"), default="production")
    limits: tuple[tuple[str, int], ...] = variable("LIMITS", limit_values, default=())
    media_quota_mb: int = variable("MEDIA_QUOTA_MB", whole(1, 1_000_000_000), default=10_240)

    @property
    def limit_defaults(self) -> Mapping[str, int]:
        """The values of limits that were set, which hold for every organization without a value of its own."""
        return {"media_bytes": self.media_quota_mb * MEBIBYTE, **dict(self.limits)}


@dataclass(frozen=True)
class Dependencies:
    """The opened dependencies from which a service's wiring builds its stores and use cases."""

    lifecycle: Lifecycle
    database: Database
    redis: RedisClient
    auth: ServiceClient
    audit: AuditLog
    clock: Clock
    keys: IdempotencyKeys
    metrics: Metrics
    limits: PostgresLimits
    dead_letters: PostgresDeadLetters
    authority: PostgresAuthority
    background: BackgroundTasks


def open_dependencies(
    service: str, settings: ServiceSettings, clock: Clock | None = None, *, effects_elsewhere: bool = False
) -> Dependencies:
    """Open PostgreSQL and Redis for a service; nothing connects before it is used.

    `effects_elsewhere` says that requests with an Idempotency-Key change another store than PostgreSQL.
    """
    clock = clock or SystemClock()
    lifecycle = Lifecycle()
    database = lifecycle.open(
        Resource("postgresql", lambda: Database(settings.database_url), Database.ping, Database.close)
    )
    redis = lifecycle.open(
        Resource("redis", lambda: make_redis(settings.redis_url), lambda it: it.ping(), lambda it: it.close())
    )
    spool = Spool(settings.spool_dir / f"{service}.events")
    audit = AuditLog(service, redis, spool, clock, Outbox(database))
    metrics = Metrics(service)
    background = BackgroundTasks(service, lifecycle.on_close, clock, metrics)
    background.start("audit-spool", audit.keep_draining)
    limits = PostgresLimits(database, clock, settings.limit_defaults, metrics.limit_refused)
    return Dependencies(
        lifecycle=lifecycle,
        database=database,
        redis=redis,
        auth=ServiceClient(settings.auth_url, service, settings.service_secret),
        audit=audit,
        clock=clock,
        keys=IdempotencyKeys(service, database, clock, limits, claim_first=effects_elsewhere),
        metrics=metrics,
        limits=limits,
        dead_letters=PostgresDeadLetters(service, database, clock),
        authority=PostgresAuthority(database),
        background=background,
    )


def make_web_dependencies(
    service: str,
    settings: ServiceSettings,
    dependencies: Dependencies,
    *,
    key_source: KeySource | None = None,
    revocations: Revocations | None = None,
    queues: Mapping[str, ManagedQueue] = MappingProxyType({}),
) -> WebDependencies:
    """What the application of a service needs. Auth passes its own keys and revocations, because it makes them.

    Each of the others takes part in keeping the copy of the revocations. `queues` are those whose failed items the
    operator sees.
    """
    if revocations is None:
        copy = RevocationCopy(dependencies.database, dependencies.redis, dependencies.clock)
        dependencies.background.start("revocations", copy.step)
    work = _show_background(service, dependencies, queues)
    source = key_source or make_key_source(
        settings, lambda: dependencies.auth.get(KEY_SET_PATH, JwkSet), dependencies.clock
    )
    if isinstance(source, PublishedKeys):
        # While auth is overloaded, a service that has no keys yet could not verify a valid token.
        dependencies.background.start("key-set", source.keep_fresh)
    verifier = TokenVerifier(source, settings.jwt_issuer, settings.jwt_audience, dependencies.clock)
    return WebDependencies(
        service=service,
        prefix=SERVICES[service].prefix,
        contracts=Contracts.load(),
        policy=policy.load(),
        authenticator=Authenticator(verifier, settings.service_credentials),
        revocations=revocations or RedisRevocations(dependencies.redis, dependencies.auth),
        lifecycle=dependencies.lifecycle,
        metrics=dependencies.metrics,
        lanes=Lanes(dependencies.metrics),
        gateway_key=settings.service_credentials.get("gateway", ""),
        keys=dependencies.keys,
        background=work,
        dead_letters=DeadLetters(
            service, dependencies.dead_letters, queues, dependencies.audit, dependencies.database.transaction
        ),
        authority=dependencies.authority,
        check_answers=settings.environment == "test",
        log=logs.configure(service, settings.log_level),
    )


def _show_background(service: str, dependencies: Dependencies, queues: Mapping[str, ManagedQueue]) -> BackgroundWork:
    """What the operator sees of tasks and queues.

    Metrics of it: how often a task failed in a row, how many items of a queue are given up, how long the oldest other
    one has waited.
    """
    reports = report_background(service, dependencies.background, dependencies.redis, dependencies.lifecycle)
    work = BackgroundWork(service, dependencies.background, reports, dependencies.dead_letters, queues)
    metrics = dependencies.metrics
    metrics.live_tasks(
        "heartguard_background_failing",
        "Runs of a task that failed in a row, in the process where that is most",
        work.failures,
    )
    metrics.live_queues(
        "heartguard_dead_letters",
        "Items of a queue that are given up",
        lambda: {name: float(it.dead) for name, it in dependencies.dead_letters.counts(queues).items()},
    )
    aged = {name: queue.oldest_seconds for name, queue in queues.items() if queue.oldest_seconds is not None}
    metrics.live_queues(
        "heartguard_queue_oldest_seconds",
        "How long the item has waited that waits longest and is not given up",
        lambda: {name: read() for name, read in aged.items()},
    )
    return work
