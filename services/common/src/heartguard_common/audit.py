"""Audit events on their way to the audit service.

An event of a transaction is written in it, into the outbox. All others go to a Redis Stream, and to a spool while Redis
is away.

An event holds ids only. People are `user:12`, never a name or an e-mail address.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict, Unpack

from heartguard_common.clock import Clock, rfc3339
from heartguard_common.identity import Principal
from heartguard_common.ids import uuid7
from heartguard_common.spool import Spool
from heartguard_common.store_redis import REDIS_FAULTS, RedisClient
from heartguard_common.trace import GATEWAY_REQUEST_ID, REQUEST_ID, trace_id

STREAM = "hg:audit:events"
FIELD = "event"
DRAIN_SECONDS = 2.0
Outcome = Literal["success", "denied", "failure"]
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True)
class AuditEvent:
    """What happened: who (`actor`) did what (`action`) to which `resource`, and how it ended.

    `kind` says who vouches for it: `access` the gateway, `change` the service that made the change, `reported` nobody
    but the person who is its actor. `actor_hash` is the keyed hash of an address that was masked in `actor`.
    """

    id: str
    time: str
    kind: Literal["access", "change", "reported"]
    request_id: str
    org_id: int | None
    actor: str
    action: str
    service: str
    outcome: Outcome
    resource: str | None = None
    reason: str | None = None
    gateway_request_id: str | None = None
    actor_hash: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


def encode(event: AuditEvent) -> bytes:
    """The event as the JSON text that travels in the stream and waits in a spool."""
    return _ENCODER.encode(vars(event)).encode()


def decode(text: bytes | str) -> AuditEvent:
    """The event of a stream entry. Raises ValueError or TypeError when it is none of ours."""
    return AuditEvent(**json.loads(text))


def send(redis: RedisClient, lines: Sequence[bytes]) -> None:
    """Put encoded events into the stream, in one trip. Raises what Redis raises; some may be in it then."""
    pipeline = redis.pipeline(transaction=False)
    for line in lines:
        pipeline.xadd(STREAM, {FIELD: line})
    pipeline.execute()


class Details(TypedDict, total=False):
    """What else there is to say of a change: unless said otherwise it went well, and in the actor's organization."""

    org_id: int | None
    outcome: Outcome
    reason: str | None
    payload: Mapping[str, Any]


class AuditTrail(Protocol):
    """Where a use case says what it changed."""

    def changed(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """Record one change; when this returns the event is safe, in a transaction as safe as that."""

    def event(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """The event of a change, for whoever stores it in the statement that makes the change; nothing is recorded."""


def traced() -> dict[str, str]:
    """What an event's payload says of the trace that it belongs to; nothing where nobody traces."""
    trace = trace_id()
    return {"trace_id": trace} if trace else {}


DISCLOSED = ".disclosed"


def disclosed(
    trail: AuditTrail, reader: Principal, action: str, person: int | None, payload: Mapping[str, Any]
) -> None:
    """Record that `reader` got to see what is a person's, where the gateway can't know whose it was.

    The action is the route's with `.disclosed` behind it, the resource the person. Who reads what is their own
    leaves nothing, and neither does what is nobody's.
    """
    if person is not None and person != reader.user_id:
        trail.changed(reader, action + DISCLOSED, f"user:{person}", payload=payload)


class Outbox(Protocol):
    """Where the events of a transaction wait for its commit."""

    def put(self, line: bytes) -> bool:
        """Keep an event with the transaction around; False where there is none."""


class AuditLog:
    """Writes events of a transaction to the outbox, others to the Redis Stream, or to the spool if Redis is away."""

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

        A denial is no part of the transaction around it, which it is likely to end.
        """
        line = encode(event)
        if event.outcome != "denied" and self._outbox is not None and self._outbox.put(line):
            return
        if self._spool.empty():
            with contextlib.suppress(*REDIS_FAULTS):
                self._redis.xadd(STREAM, {FIELD: line})
                return
        self._spool.append(line)

    def drain(self) -> int:
        """Send what waits in the spool; returns how many events. Raises what Redis raises."""
        return 0 if self._spool.empty() else self._spool.drain(lambda lines: send(self._redis, lines))

    def keep_draining(self) -> float:
        """Send what waits, when Redis takes it; returns the seconds until it is worth trying again."""
        with contextlib.suppress(*REDIS_FAULTS):
            self.drain()
        return DRAIN_SECONDS
