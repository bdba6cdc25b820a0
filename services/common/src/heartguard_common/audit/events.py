"""Audit events as services send them to the audit service.

The event of a change is written to the outbox in the transaction of the change. All others are added to a Redis
Stream, or to a spool file while Redis is unavailable.

An event holds ids only. A person is `user:12`, never a name or an e-mail address.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypedDict, Unpack

from heartguard_common.core.trace import trace_id
from heartguard_common.identity.api_key import DEVICE
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Kind, Outcome

STREAM = "hg:audit:events"
FIELD = "event"
Scalar: TypeAlias = str | float | bool | None
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True)
class AuditEvent:
    """Who (`actor`) did what (`action`) to which `resource`, and with which outcome.

    `kind` says who asserts it: `access` the gateway, `change` the service that made the change, `reported` only the
    person who is its actor. `actor_hash` is the keyed hash of an address that was masked in `actor`.
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
    """The event as JSON in ASCII, the form in stream, outbox and spool."""
    return _ENCODER.encode(vars(event)).encode()


def decode(text: bytes | str) -> AuditEvent:
    """The event of an encoded line. Raises ValueError or TypeError for anything else."""
    return AuditEvent(**json.loads(text))


class Details(TypedDict, total=False):
    """Optional members of a change event. The defaults are the actor's organization and the outcome `success`."""

    org_id: int | None
    outcome: Outcome
    reason: str | None
    payload: Mapping[str, Scalar]


class AuditTrail(Protocol):
    """Records the changes that use cases make."""

    def changed(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """Record one change. Inside a transaction the event commits with it, otherwise it is stored durably now."""

    def event(self, actor: Principal | None, action: str, resource: str, **details: Unpack[Details]) -> AuditEvent:
        """The event of a change, for callers that store it in the statement that makes the change; records nothing."""


def traced() -> dict[str, str]:
    """The member `trace_id` for an event's payload; empty without a trace."""
    trace = trace_id()
    return {"trace_id": trace} if trace else {}


DISCLOSED = ".disclosed"


def disclosed(
    trail: AuditTrail, reader: Principal, action: str, person: int | None, payload: Mapping[str, Scalar]
) -> None:
    """Record that `reader` has read data of `person`, where the path does not tell the gateway whose data it is.

    The action is the route's with the suffix `.disclosed`, the resource is the person. Nothing is recorded for
    a reader's own data, and for data that belongs to no person (`person` is None).
    """
    own = person == reader.user_id and (reader.api_key is None or reader.api_key.kind == DEVICE)
    if person is not None and not own:
        trail.changed(reader, action + DISCLOSED, f"user:{person}", payload=payload)
