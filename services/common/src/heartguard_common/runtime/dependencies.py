"""What a service with a database opens: PostgreSQL, Redis, the audit trail. No web framework is loaded for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.audit.log import AuditLog
from heartguard_common.audit.outbox import Outbox
from heartguard_common.core import tracing
from heartguard_common.core.background import BackgroundTasks
from heartguard_common.core.clock import Clock, SystemClock
from heartguard_common.core.lifecycle import Lifecycle, Resource
from heartguard_common.core.metrics import Metrics
from heartguard_common.http.idempotency import IdempotencyKeys
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.jobs.operated_jobs import JobEntries, JobKind, OperatedJobs
from heartguard_common.runtime.service_settings import ServiceSettings
from heartguard_common.stores.database import Database
from heartguard_common.stores.database_metrics import StatementMetrics
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_common.stores.redis_client import RedisClient, make_redis
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.stores.spool import Spool


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
    statements: StatementMetrics
    limits: PostgresLimits
    dead_letters: PostgresDeadLetters
    authority: PostgresAuthority
    background: BackgroundTasks

    def operated_jobs(self, service: str, kinds: Mapping[str, JobKind], jobs: JobEntries) -> OperatedJobs:
        """The jobs of a service as the operator sees them."""
        return OperatedJobs(service, kinds, jobs, self.dead_letters, self.audit, self.clock, self.database.transaction)


def open_dependencies(
    service: str, settings: ServiceSettings, clock: Clock | None = None, *, effects_elsewhere: bool = False
) -> Dependencies:
    """Open PostgreSQL and Redis for a service; nothing connects before it is used.

    `effects_elsewhere` says that requests with an Idempotency-Key change another store than PostgreSQL.
    """
    clock = clock or SystemClock()
    lifecycle = Lifecycle()
    spans = tracing.start(service, settings)
    if spans is not None:
        lifecycle.on_close(spans.close)
    metrics = Metrics(service)
    observer = StatementMetrics(metrics)
    database = lifecycle.open(
        Resource(
            "postgresql", lambda: Database(settings.database_url, observer=observer), Database.ping, Database.close
        )
    )
    redis = lifecycle.open(
        Resource("redis", lambda: make_redis(settings.redis_url), lambda it: it.ping(), lambda it: it.close())
    )
    spool = Spool(settings.spool_dir / f"{service}.events")
    audit = AuditLog(service, redis, spool, clock, Outbox(database))
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
        statements=observer,
        limits=limits,
        dead_letters=PostgresDeadLetters(service, database, clock),
        authority=PostgresAuthority(database),
        background=background,
    )
