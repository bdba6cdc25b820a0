"""Builds audit out of its parts."""

from flask import Flask

from heartguard_audit.domain.chain import Keys
from heartguard_audit.domain.events import Mask
from heartguard_audit.routes import ROUTES, UseCases
from heartguard_audit.settings import Settings
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.events import PostgresEvents
from heartguard_audit.store.ledger import PostgresLedger
from heartguard_audit.store.outbox import PostgresOutbox, oldest_seconds, unrecorded
from heartguard_audit.store.stream import require_consumer, waiting
from heartguard_audit.usecases.chains import Verification
from heartguard_audit.usecases.trail import AuditUseCases
from heartguard_common.clock import Clock
from heartguard_common.dead_letters import Queue
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.lifecycle import Resource
from heartguard_common.web import make_app


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of audit. Raises `RouteTableError` when its routes and policy.toml differ."""
    parts = open_parts("audit", settings, clock)
    parts.lifecycle.open(Resource("consumer", lambda: parts.redis, require_consumer))
    trail = AuditUseCases(
        parts.audit,
        PostgresEvents(parts.database),
        Mask(settings.mask_secret),
        parts.clock,
        parts.authority,
        parts.database.transaction,
    )
    keys = Keys(settings.checkpoint_key, settings.checkpoint_key_previous)
    verification = Verification(PostgresLedger(parts.database), CheckpointFile(settings.checkpoint_dir), keys)
    outbox = PostgresOutbox(parts.database)
    queues = {
        "events": Queue(
            retry=lambda letter: outbox.put(letter.content or ""),
            oldest_seconds=lambda: oldest_seconds(parts.database),
        ),
        "spools": Queue(),
        "checkpoints": Queue(),
        "retention": Queue(),
    }
    edge = make_edge("audit", settings, parts, queues=queues)
    edge.metrics.live(
        "heartguard_audit_waiting", "Events of the stream that are not in the trail yet", lambda: waiting(parts.redis)
    )
    edge.metrics.live(
        "heartguard_audit_outbox", "Events of changes that are not in the trail yet", lambda: unrecorded(parts.database)
    )
    edge.metrics.live(
        "heartguard_audit_outbox_seconds",
        "How long the oldest of these events waits",
        lambda: oldest_seconds(parts.database),
    )
    return make_app(edge, ROUTES, UseCases(trail, verification))
