"""The endpoints of the audit service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from heartguard_audit.domain.backups import VerifiedBackup
from heartguard_audit.domain.events import Recorded
from heartguard_audit.errors import CHAIN_TOO_LONG, UNKNOWN_EVENT
from heartguard_audit.ports import Backups
from heartguard_audit.usecases.chains import Verification
from heartguard_audit.usecases.trail import AuditUseCases
from heartguard_common import messages
from heartguard_common.audit.events import AuditEvent
from heartguard_common.http import exports, tables
from heartguard_common.http.paging import DEFAULT_LIMIT, decode_cursor, page
from heartguard_common.http.routing import (
    CSV,
    DOCUMENT_TYPES,
    NDJSON,
    Answer,
    Call,
    EmptyCall,
    NoQuery,
    Route,
    StreamAnswer,
)
from heartguard_common.messages import (
    AccessLogQuery,
    AuditEventList,
    AuditEventRequest,
    AuditListQuery,
    AuditVerification,
    BackupState,
    ExportQuery,
)
from heartguard_common.messages.common import BackupVerificationDocument

COLUMNS = (
    *("id", "sequence", "time", "kind", "request_id", "gateway_request_id", "org_id", "actor", "action"),
    *("service", "resource", "outcome", "reason", "status", "payload"),
)
NO_STORE = {"Cache-Control": "no-store"}
SECONDS = 15.0
# Together with at most 2 s in the queue this is less than the 30 s that the gateway waits.
VERIFYING_SECONDS = 20.0


@dataclass(frozen=True)
class UseCases:
    """What the routes call."""

    trail: AuditUseCases
    verification: Verification
    backups: Backups


def record_event(audit: UseCases, call: Call[AuditEventRequest, NoQuery]) -> Answer[messages.AuditEvent]:
    """Record an audit event.

    An admin reports what happened elsewhere; services record what they change.
    """
    event = audit.trail.record(call.person, call.document)
    return Answer(_document(event), headers={**NO_STORE, "Location": f"/audit/events/{event.id}"})


def list_events(audit: UseCases, call: Call[None, AuditListQuery]) -> Answer[AuditEventList] | StreamAnswer:
    """List the audit events of the organization.

    Newest first; also as a CSV or NDJSON file, with all events that the filters leave. The operator gets the events
    that belong to no organization.
    """
    position = decode_cursor(call.query.get("cursor"), int)
    before = position[0] if position else None
    if call.media_type in (CSV, NDJSON):
        return _file(audit, call, before)
    limit = call.query.get("limit", DEFAULT_LIMIT)
    rows = audit.trail.page(call.person, call.query, before, limit + 1)
    shown = page(rows, limit, _recorded, lambda row: [row.sequence])
    return Answer({"items": shown.items, "next_cursor": shown.next_cursor}, headers=NO_STORE)


def read_event(audit: UseCases, call: EmptyCall) -> Answer[messages.AuditEvent]:
    """Read an audit event."""
    return Answer(_recorded(audit.trail.find(call.person, call.params["event_id"])), headers=NO_STORE)


def list_accesses(audit: UseCases, call: Call[None, AccessLogQuery]) -> Answer[AuditEventList]:
    """List who has read the caller's data.

    Newest first.
    """
    position = decode_cursor(call.query.get("cursor"), int)
    limit = call.query.get("limit", DEFAULT_LIMIT)
    rows = audit.trail.readings(call.person, position[0] if position else None, limit + 1)
    shown = page(rows, limit, _recorded, lambda row: [row.sequence])
    return Answer({"items": shown.items, "next_cursor": shown.next_cursor}, headers=NO_STORE)


def verify_events(audit: UseCases, call: EmptyCall) -> Answer[AuditVerification]:
    """Verify that no audit event was changed or removed.

    Checks the hashes, seals and checkpoints of the organization's events.
    """
    verdict = audit.verification.verify(call.person.org_id)
    document: AuditVerification = {"valid": verdict.chain_break is None, "checked": verdict.checked}
    if verdict.chain_break is not None:
        if verdict.chain_break.sequence > 0:
            document["first_bad_sequence"] = verdict.chain_break.sequence
        document["reason"] = verdict.chain_break.reason
    return Answer(document, headers=NO_STORE)


def read_backup_state(audit: UseCases, _: EmptyCall) -> Answer[BackupState]:
    """Read what became of the last backup.

    With its size and place, why it failed, when the last one succeeded, and which backup was verified last.
    """
    last = audit.backups.last()
    found: dict[str, object | None] = {
        "status": last.status,
        "succeeded_at": last.succeeded_at,
        "began_at": last.began_at,
        "ended_at": last.ended_at,
        "seconds": last.seconds,
        "bytes": last.size,
        "error": last.error,
        "place": last.place,
        "verified": None if last.verified is None else _verification(last.verified),
        "encrypted": last.encrypted,
    }
    document = cast("BackupState", {name: value for name, value in found.items() if value is not None})
    return Answer(document, headers=NO_STORE)


def _verification(verified: VerifiedBackup) -> BackupVerificationDocument:
    return {
        "verified_at": verified.time,
        "place": verified.place,
        "intact": not verified.damaged,
        "opened": verified.opened,
        "damaged": list(verified.damaged),
    }


def export_events(audit: UseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export the audit events about a person.

    The answer is NDJSON, one line for each event of which the person is the actor or the resource.
    """
    rows = audit.trail.about(call.query["org_id"], call.query["user_id"])
    return exports.answer(("event", _recorded(row)) for row in rows)


def _file(audit: UseCases, call: Call[None, AuditListQuery], before: int | None) -> StreamAnswer:
    blocks = _documents(audit.trail.export(call.person, call.query, before, call.query.get("limit")))
    stream = tables.table(COLUMNS, blocks) if call.media_type == CSV else tables.ndjson(blocks)
    return tables.attachment("audit-events", call.media_type, stream)


def _documents(blocks: Iterator[Sequence[Recorded]]) -> tables.Blocks:
    for block in blocks:
        yield [_recorded(row) for row in block]


def _recorded(row: Recorded) -> messages.AuditEvent:
    return _document(row.event, row.sequence)


def _document(event: AuditEvent, sequence: int | None = None) -> messages.AuditEvent:
    """The `AuditEvent` message; an event that was just posted has no sequence yet."""
    document: messages.AuditEvent = {
        "id": event.id,
        "status": "recorded",
        "sequence": sequence,
        "time": event.time,
        "kind": event.kind,
        "org_id": event.org_id,
        "actor": event.actor,
        "action": event.action,
        "service": event.service,
        "resource": event.resource,
        "outcome": event.outcome,
        "reason": event.reason,
        "payload": dict(event.payload),
    }
    if event.request_id:
        document["request_id"] = event.request_id
    if event.gateway_request_id:
        document["gateway_request_id"] = event.gateway_request_id
    return document


ROUTES = (
    Route(
        "GET",
        "/audit/exports",
        export_events,
        offers=(NDJSON,),
        expensive=True,
    ),
    Route("POST", "/audit/events", record_event, status=201, idempotent=True, headers=("Location",)),
    Route(
        "GET",
        "/audit/events",
        list_events,
        offers=(*DOCUMENT_TYPES, CSV, NDJSON),
        expensive=True,
        seconds=SECONDS,
    ),
    Route("GET", "/audit/events/{event_id}", read_event, raises=(UNKNOWN_EVENT,)),
    Route(
        "GET",
        "/users/me/access-log",
        list_accesses,
        expensive=True,
        seconds=SECONDS,
    ),
    Route("GET", "/audit/verify", verify_events, expensive=True, seconds=VERIFYING_SECONDS, raises=(CHAIN_TOO_LONG,)),
    Route("GET", "/audit/backup", read_backup_state),
)
