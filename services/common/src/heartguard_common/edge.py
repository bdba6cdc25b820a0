"""What the wiring of every service but the gateway has in common: settings, database, Redis, identity."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heartguard_common import logs, policy
from heartguard_common.audit_log import AuditLog
from heartguard_common.authority_store import PostgresAuthority
from heartguard_common.background import Background
from heartguard_common.calls import Sister
from heartguard_common.clock import Clock, SystemClock
from heartguard_common.contracts import Contracts
from heartguard_common.database import Database, driver_url
from heartguard_common.dead_letter_store import PostgresDeadLetters
from heartguard_common.dead_letters import DeadLetters, Queue
from heartguard_common.idempotency import IdempotencyKeys
from heartguard_common.identity import (
    KEY_SET_PATH,
    Authenticator,
    KeySource,
    PublishedKeys,
    TokenVerifier,
    make_key_source,
)
from heartguard_common.lanes import Lanes
from heartguard_common.lifecycle import Lifecycle, Resource
from heartguard_common.limit_store import PostgresLimits
from heartguard_common.limits import limit_values
from heartguard_common.messages import JwkSet
from heartguard_common.metrics import Metrics
from heartguard_common.outbox import Outbox
from heartguard_common.revocation import Revocations
from heartguard_common.revocation_check import RedisRevocations
from heartguard_common.revocation_copy import RevocationCopy
from heartguard_common.settings import CommonSettings, choice, variable, whole
from heartguard_common.spool import Spool
from heartguard_common.store_redis import RedisClient, make_redis
from heartguard_common.web import Edge

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
class Parts:
    """The opened dependencies that a service's wiring builds its stores and use cases from."""

    lifecycle: Lifecycle
    database: Database
    redis: RedisClient
    auth: Sister
    audit: AuditLog
    clock: Clock
    keys: IdempotencyKeys
    metrics: Metrics
    limits: PostgresLimits
    letters: PostgresDeadLetters
    authority: PostgresAuthority


def open_parts(
    service: str, settings: ServiceSettings, clock: Clock | None = None, *, effects_elsewhere: bool = False
) -> Parts:
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
    lifecycle.on_close(Background("audit spool", audit.keep_draining).start().close)
    metrics = Metrics(service)
    limits = PostgresLimits(database, clock, settings.limit_defaults, metrics.limit_refused)
    return Parts(
        lifecycle=lifecycle,
        database=database,
        redis=redis,
        auth=Sister(settings.auth_url, service, settings.service_secret),
        audit=audit,
        clock=clock,
        keys=IdempotencyKeys(service, database, clock, limits, claim_first=effects_elsewhere),
        metrics=metrics,
        limits=limits,
        letters=PostgresDeadLetters(service, database, clock),
        authority=PostgresAuthority(database),
    )


def make_edge(
    service: str,
    settings: ServiceSettings,
    parts: Parts,
    *,
    prefix: str | None = None,
    key_source: KeySource | None = None,
    revocations: Revocations | None = None,
    queues: Mapping[str, Queue] = MappingProxyType({}),
) -> Edge:
    """The edge of a service. Auth passes its own keys and revocations, because it is where they come from.

    Each of the others takes part in keeping the copy of the revocations. `queues` are those whose failed items the
    operator sees.
    """
    if revocations is None:
        copy = RevocationCopy(parts.database, parts.redis, parts.clock)
        parts.lifecycle.on_close(Background("revocations", copy.step).start().close)
    _show_queues(parts, queues)
    source = key_source or make_key_source(settings, lambda: parts.auth.get(KEY_SET_PATH, JwkSet), parts.clock)
    if isinstance(source, PublishedKeys):
        # While auth has more to do than it can, a service that never asked could not tell a valid token.
        parts.lifecycle.on_close(Background("key set", source.keep_fresh).start().close)
    verifier = TokenVerifier(source, settings.jwt_issuer, settings.jwt_audience, parts.clock)
    return Edge(
        service=service,
        prefix=prefix or f"/{service}",
        contracts=Contracts.load(),
        policy=policy.load(),
        authenticator=Authenticator(verifier, settings.service_credentials),
        revocations=revocations or RedisRevocations(parts.redis, parts.auth),
        lifecycle=parts.lifecycle,
        metrics=parts.metrics,
        lanes=Lanes(parts.metrics),
        gateway_key=settings.service_credentials.get("gateway", ""),
        keys=parts.keys,
        letters=DeadLetters(service, parts.letters, queues, parts.audit, parts.database.transaction),
        authority=parts.authority,
        check_answers=settings.environment == "test",
        log=logs.configure(service, settings.log_level),
    )


def _show_queues(parts: Parts, queues: Mapping[str, Queue]) -> None:
    """Have the metrics tell how many items of each queue are given up, and how long the oldest other one waits."""
    metrics = parts.metrics
    metrics.live_queues(
        "heartguard_dead_letters", "Items of a queue that are given up", lambda: parts.letters.counts(queues)
    )
    aged = {name: queue.oldest_seconds for name, queue in queues.items() if queue.oldest_seconds is not None}
    metrics.live_queues(
        "heartguard_queue_oldest_seconds",
        "How long the item has waited that waits longest and is not given up",
        lambda: {name: read() for name, read in aged.items()},
    )
