"""What the wiring of every service but the gateway has in common: settings, database, Redis, identity."""

from dataclasses import dataclass

from heartguard_common import logs, policy
from heartguard_common.audit import AuditLog
from heartguard_common.background import Background
from heartguard_common.calls import Sister
from heartguard_common.clock import Clock, SystemClock
from heartguard_common.contracts import Contracts
from heartguard_common.database import Database, driver_url
from heartguard_common.idempotency import IdempotencyKeys
from heartguard_common.identity import KEY_SET_PATH, Authenticator, KeySource, TokenVerifier, make_key_source
from heartguard_common.lifecycle import Lifecycle, Resource
from heartguard_common.metrics import Metrics
from heartguard_common.outbox import Outbox
from heartguard_common.revocation import RedisRevocations, Revocations
from heartguard_common.settings import CommonSettings, choice, variable
from heartguard_common.spool import Spool
from heartguard_common.store_redis import RedisClient, make_redis
from heartguard_common.web import Edge


def database_url(text: str) -> str:
    """A cast for the URL of a PostgreSQL."""
    driver_url(text)
    return text


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(CommonSettings):
    """The settings that every service with a database reads."""

    database_url: str = variable("DATABASE_URL", database_url)
    environment: str = variable("HEARTGUARD_ENV", choice("production", "test"), default="production")


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
    return Parts(
        lifecycle=lifecycle,
        database=database,
        redis=redis,
        auth=Sister(settings.auth_url, service, settings.service_secret),
        audit=audit,
        clock=clock,
        keys=IdempotencyKeys(service, database, clock, claim_first=effects_elsewhere),
    )


def make_edge(
    service: str,
    settings: ServiceSettings,
    parts: Parts,
    *,
    prefix: str | None = None,
    key_source: KeySource | None = None,
    revocations: Revocations | None = None,
) -> Edge:
    """The edge of a service. Auth passes its own keys and revocations, because it is where they come from."""
    source = key_source or make_key_source(settings, lambda: parts.auth.get(KEY_SET_PATH), parts.clock)
    verifier = TokenVerifier(source, settings.jwt_issuer, settings.jwt_audience, parts.clock)
    return Edge(
        service=service,
        prefix=prefix or f"/{service}",
        contracts=Contracts.load(),
        policy=policy.load(),
        authenticator=Authenticator(verifier, settings.service_credentials),
        revocations=revocations or RedisRevocations(parts.redis, parts.auth),
        lifecycle=parts.lifecycle,
        metrics=Metrics(service),
        gateway_key=settings.service_credentials.get("gateway", ""),
        keys=parts.keys,
        check_answers=settings.environment == "test",
        log=logs.configure(service, settings.log_level),
    )
