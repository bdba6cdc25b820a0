"""What was done, by whom, to what.

Made by schemas/build.py from schemas/audit_event.schema.json: change that, not this file.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

Payload: TypeAlias = dict[str, str | float | bool | None]
"""Details of the event: a map of scalars."""
Kind: TypeAlias = Literal["access", "change", "reported"]
"""Who vouches for it: `access` the gateway, `change` the service that made the change, `reported` only the admin who
sent it.
"""
Outcome: TypeAlias = Literal["success", "denied", "failure"]


class AuditEventRequest(TypedDict):
    """An event to record."""

    actor: str
    action: str
    service: str
    resource: NotRequired[str]
    payload: NotRequired[Payload]


class AuditEvent(TypedDict):
    """A recorded event."""

    id: str
    status: Literal["recorded"]
    sequence: NotRequired[int | None]
    time: NotRequired[str]
    kind: NotRequired[Kind]
    request_id: NotRequired[str]
    gateway_request_id: NotRequired[str]
    org_id: NotRequired[int | None]
    actor: NotRequired[str]
    action: NotRequired[str]
    service: NotRequired[str]
    resource: NotRequired[str | None]
    outcome: NotRequired[Outcome]
    reason: NotRequired[str | None]
    payload: NotRequired[Payload]


class AuditVerification(TypedDict):
    """Whether a trail is as it was written. `checked` counts the events that are good, up to the first that is not."""

    valid: bool
    checked: int
    first_bad_sequence: NotRequired[int]
    reason: NotRequired[str]


class AuditListQuery(TypedDict):
    """Filters and page of the trail."""

    kind: NotRequired[Kind]
    actor: NotRequired[str]
    action: NotRequired[str]
    service: NotRequired[str]
    resource: NotRequired[str]
    outcome: NotRequired[Outcome]
    since: NotRequired[str]
    until: NotRequired[str]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class AccessLogQuery(TypedDict):
    """A page of who read what is mine."""

    limit: NotRequired[int]
    cursor: NotRequired[str]


class AuditEventList(TypedDict):
    """A page of the trail."""

    items: list[AuditEvent]
    next_cursor: NotRequired[str | None]
