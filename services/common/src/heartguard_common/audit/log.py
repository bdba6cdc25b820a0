"""Where a service's audit events go: into the outbox of a transaction, or to the Redis Stream, or to a spool."""

import contextlib
from collections.abc import Sequence
from typing import Protocol, Unpack

from heartguard_common.audit.events import FIELD, STREAM, AuditEvent, Details, encode, traced
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID
from heartguard_common.identity.authentication import Principal
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient
from heartguard_common.stores.spool import Spool

DRAIN_SECONDS = 2.0


def send(redis: RedisClient, lines: Sequence[bytes]) -> None:
    """Put encoded events into the stream, in one trip. Raises what Redis raises; some may be in it then."""
    pipeline = redis.pipeline(transaction=False)
    for line in lines:
        pipeline.xadd(STREAM, {FIELD: line})
    pipeline.execute()


class Outbox(Protocol):
    """Where the events of a transaction wait for its commit."""

    def put(self, line: bytes) -> bool:
        """Keep an event with the surrounding transaction; False where there is none."""


class AuditLog:
    """Writes events of a transaction to the outbox, others to the Redis Stream, or to the spool without Redis."""

    def __init__(
        self, service: str, redis: RedisClient, spool: Spool, clock: Clock, outbox: Outbox | None = None
    ) -> None:
        self._service = service
        self._redis = redis
        self._spool = spool
        self._clock = clock
        self._outbox = outbox

    def changed(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """Record one change; when this returns the event is safe, in a transaction as safe as that.

        Raises OSError when the disk refuses too.
        """
        event = self.event(actor, action, resource, **details)
        self.record(event)
        return event

    def event(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """The event of a change, for whoever stores it in the statement that makes the change; nothing is recorded."""
        org_id = details.get("org_id")
        return AuditEvent(
            id=uuid7(self._clock),
            time=rfc3339(self._clock.now_ns()),
            kind="change",
            request_id=REQUEST_ID.get() or "",
            gateway_request_id=GATEWAY_REQUEST_ID.get(),
            org_id=org_id if org_id is not None or actor is None else actor.org_id,
            actor=actor.actor if actor else "anonymous",
            action=action,
            service=self._service,
            resource=resource,
            outcome=details.get("outcome", "success"),
            reason=details.get("reason"),
            payload={**details.get("payload", {}), **traced()},
        )

    def record(self, event: AuditEvent) -> None:
        """Make one event safe. While a spool waits, the event waits behind it: the order is kept.

        A denial is no part of the surrounding transaction it, which it is likely to end.
        """
        line = encode(event)
        if event.outcome != "denied" and self._outbox is not None and self._outbox.put(line):
            return
        if self._spool.empty():
            with contextlib.suppress(*REDIS_ERRORS):
                self._redis.xadd(STREAM, {FIELD: line})
                return
        self._spool.append(line)

    def drain(self) -> int:
        """Send what waits in the spool; returns how many events. Raises what Redis raises."""
        return 0 if self._spool.empty() else self._spool.drain(lambda lines: send(self._redis, lines))

    def keep_draining(self) -> float:
        """Send what waits, when Redis takes it; returns the seconds until it is worth trying again."""
        with contextlib.suppress(*REDIS_ERRORS):
            self.drain()
        return DRAIN_SECONDS
