"""Builds the audit service from its dependencies."""

from flask import Flask

from heartguard_audit.domain.chain import Keys
from heartguard_audit.domain.events import Mask
from heartguard_audit.routes import ROUTES, UseCases
from heartguard_audit.settings import Settings
from heartguard_audit.store.backups import BackupFiles
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.events import PostgresEvents
from heartguard_audit.store.outbox import PostgresOutbox, oldest_seconds, waiting_events
from heartguard_audit.store.stream import require_consumer, waiting
from heartguard_audit.store.system_metrics import LAST_BACKUP, show_system
from heartguard_audit.usecases.chains import Verification
from heartguard_audit.usecases.trail import AuditUseCases
from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import Resource
from heartguard_common.http.web import make_app
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.runtime.bootstrap import make_web_dependencies, open_dependencies


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of audit. Raises `RouteTableError` when its routes and policy.toml differ."""
    dependencies = open_dependencies("audit", settings, clock)
    dependencies.lifecycle.open(Resource("consumer", lambda: dependencies.redis, require_consumer))
    trail = AuditUseCases(
        dependencies.audit,
        PostgresEvents(dependencies.database),
        Mask(settings.mask_secret),
        dependencies.clock,
        dependencies.authority,
        dependencies.database.transaction,
    )
    keys = Keys(settings.checkpoint_key, settings.checkpoint_key_previous)
    verification = Verification(
        PostgresChainStore(dependencies.database), CheckpointFile(settings.checkpoint_dir), keys
    )
    outbox = PostgresOutbox(dependencies.database)
    queues = {
        "events": ManagedQueue(
            retry=lambda dead_letter: outbox.put(dead_letter.content or ""),
            waiting=lambda: int(waiting_events(dependencies.database)),
            oldest_seconds=lambda: oldest_seconds(dependencies.database),
        ),
        "spools": ManagedQueue(),
        "checkpoints": ManagedQueue(),
        "retention": ManagedQueue(),
    }
    directories = {"checkpoints": settings.checkpoint_dir, "backups": LAST_BACKUP.parent}
    web = make_web_dependencies("audit", settings, dependencies, queues=queues, directories=directories)
    web.metrics.live(
        "heartguard_audit_waiting",
        "Events of the stream that are not in the trail yet",
        lambda: waiting(dependencies.redis),
    )
    web.metrics.live(
        "heartguard_audit_outbox",
        "Events of changes that are not in the trail yet",
        lambda: waiting_events(dependencies.database),
    )
    web.metrics.live(
        "heartguard_audit_outbox_seconds",
        "How long the oldest of these events waits",
        lambda: oldest_seconds(dependencies.database),
    )
    show_system(web.metrics, dependencies.database, dependencies.redis)
    return make_app(web, ROUTES, UseCases(trail, verification, BackupFiles()))
