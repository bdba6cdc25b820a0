"""Stores a service's audit events in the outbox of a transaction, in the Redis Stream, or in a spool file."""

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
    """Add encoded events to the stream in one round trip. Raises `REDIS_ERRORS`; some may have been added then."""
    pipeline = redis.pipeline(transaction=False)
    for line in lines:
        pipeline.xadd(STREAM, {FIELD: line})
    pipeline.execute()


class Outbox(Protocol):
    """Stores events in the transaction of their change."""

    def put(self, line: bytes) -> bool:
        """Store an event in the surrounding transaction; False where there is none."""


class AuditLog:
    """Writes events of a transaction to the outbox; others to the Redis Stream, or to the spool without Redis."""

    def __init__(
        self, service: str, redis: RedisClient, spool: Spool, clock: Clock, outbox: Outbox | None = None
    ) -> None:
        self._service = service
        self._redis = redis
        self._spool = spool
        self._clock = clock
        self._outbox = outbox

    def changed(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """Record one change. Inside a transaction the event commits with it, otherwise it is stored durably now.

        Raises OSError when neither Redis nor the disk takes it.
        """
        event = self.event(actor, action, resource, **details)
        self.record(event)
        return event

    def event(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """The event of a change, for callers that store it in the statement that makes the change; records nothing."""
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
            payload={**details.get("payload", {}), **(actor.attribution if actor else {}), **traced()},
        )

    def record(self, event: AuditEvent) -> None:
        """Store one event. While the spool has events, the event is appended to it, so that the order is kept.

        The event of a denial is not written in the surrounding transaction, which is usually rolled back.
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
        """Send the events of the spool; returns how many. Raises `REDIS_ERRORS`."""
        return 0 if self._spool.empty() else self._spool.drain(lambda lines: send(self._redis, lines))

    def keep_draining(self) -> float:
        """Send the events of the spool if Redis is available; returns the seconds until the next call."""
        with contextlib.suppress(*REDIS_ERRORS):
            self.drain()
        return DRAIN_SECONDS
