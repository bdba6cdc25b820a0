"""Audit events on their way to the audit service.

An event of a transaction is written in it, into the outbox. All others go to a Redis Stream, and to a spool while Redis
is away.

An event holds ids only. People are `user:12`, never a name or an e-mail address.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypedDict, Unpack

from heartguard_common.core.trace import trace_id
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Kind, Outcome

STREAM = "hg:audit:events"
FIELD = "event"
Scalar: TypeAlias = str | float | bool | None
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True)
class AuditEvent:
    """What happened: who (`actor`) did what (`action`) to which `resource`, and how it ended.

    `kind` says who asserts it: `access` the gateway, `change` the service that made the change, `reported` nobody
    but the person who is its actor. `actor_hash` is the keyed hash of an address that was masked in `actor`.
    """

    id: str
    time: str
    kind: Kind
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
    payload: Mapping[str, Scalar] = field(default_factory=dict)


def encode(event: AuditEvent) -> bytes:
    """The event as the JSON text that travels in the stream and waits in a spool."""
    return _ENCODER.encode(vars(event)).encode()


def decode(text: bytes | str) -> AuditEvent:
    """The event of a stream entry. Raises ValueError or TypeError when it is not one."""
    return AuditEvent(**json.loads(text))


class Details(TypedDict, total=False):
    """What else there is to say of a change: unless said otherwise it went well, and in the actor's organization."""

    org_id: int | None
    outcome: Outcome
    reason: str | None
    payload: Mapping[str, Scalar]


class AuditTrail(Protocol):
    """Where a use case says what it changed."""

    def changed(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """Record one change; when this returns the event is safe, in a transaction as safe as that."""

    def event(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """The event of a change, for whoever stores it in the statement that makes the change; nothing is recorded."""


def traced() -> dict[str, str]:
    """The trace id for an event's payload; empty without a trace."""
    trace = trace_id()
    return {"trace_id": trace} if trace else {}


DISCLOSED = ".disclosed"


def disclosed(
    trail: AuditTrail, reader: Principal, action: str, person: int | None, payload: Mapping[str, Scalar]
) -> None:
    """Record that `reader` got to see what is a person's, where the gateway can't know whose it was.

    The action is the route's with `.disclosed` behind it, the resource the person. Who reads what is their own
    leaves nothing, and neither does what is nobody's.
    """
    if person is not None and person != reader.user_id:
        trail.changed(reader, action + DISCLOSED, f"user:{person}", payload=payload)
