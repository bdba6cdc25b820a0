"""The trail in PostgreSQL. The table numbers its own rows: no role of a service may write `sequence`."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import exc, text

from heartguard_audit.domain import NotAnEventError, Recorded, Search
from heartguard_common.audit import AuditEvent
from heartguard_common.clock import parse_rfc3339, rfc3339
from heartguard_common.database import Database

FILTERS = frozenset({"kind", "actor", "actor_hash", "action", "service", "resource", "outcome"})


class PostgresEvents:
    """The table `audit_events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, events: Sequence[AuditEvent]) -> int:
        """Append a batch, all or nothing, and return how many of its events were new.

        Raises `NotAnEventError` when PostgreSQL refuses a value, `ServiceError` GEN_503 when it is away.
        """
        if not events:
            return 0
        batch = json.dumps([_row(event) for event in events])
        try:
            with self._database.transaction() as connection:
                return connection.execute(text(_ADD), {"batch": batch}).rowcount
        except (exc.DataError, exc.IntegrityError) as error:
            raise NotAnEventError("was refused by the database") from error

    def find(self, org_id: int | None, event_id: str) -> Recorded | None:
        """An event of one organization's trail (None: of no organization)."""
        condition = f"event_id = cast(:event_id AS uuid) AND {_trail(org_id)}"
        with self._database.transaction() as connection:
            row = connection.execute(
                text(f"{_SELECT} WHERE {condition}"), {"event_id": event_id, "org_id": org_id}
            ).one_or_none()
        return _recorded(row) if row else None

    def page(self, search: Search, limit: int) -> list[Recorded]:
        """At most `limit` events, newest first."""
        if unknown := search.equals.keys() - FILTERS:
            raise ValueError(f"no filter {sorted(unknown)}")
        values: dict[str, Any] = {"org_id": search.org_id, "limit": limit, **search.equals}
        conditions = [_trail(search.org_id), *(f"{name} = :{name}" for name in search.equals)]
        bounds = (
            ("time_ns >= :since", search.since_ns),
            ("time_ns < :until", search.until_ns),
            ("sequence < :before", search.before),
        )
        for condition, value in bounds:
            if value is not None:
                conditions.append(condition)
                values[condition.rpartition(":")[2]] = value
        statement = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY sequence DESC LIMIT :limit"
        with self._database.transaction() as connection:
            return [_recorded(row) for row in connection.execute(text(statement), values)]


def _trail(org_id: int | None) -> str:
    # IS NOT DISTINCT FROM would say both in one, and use no index.
    return "org_id IS NULL" if org_id is None else "org_id = :org_id"


def _row(event: AuditEvent) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "time_ns": parse_rfc3339(event.time),
        "kind": event.kind,
        "request_id": event.request_id,
        "gateway_request_id": event.gateway_request_id,
        "org_id": event.org_id,
        "actor": event.actor,
        "actor_hash": event.actor_hash,
        "action": event.action,
        "service": event.service,
        "resource": event.resource,
        "outcome": event.outcome,
        "reason": event.reason,
        "payload": dict(event.payload),
    }


def _recorded(row: Any) -> Recorded:
    event = AuditEvent(
        id=str(row.event_id),
        time=rfc3339(row.time_ns),
        kind=row.kind,
        request_id=row.request_id,
        gateway_request_id=row.gateway_request_id,
        org_id=row.org_id,
        actor=row.actor,
        actor_hash=row.actor_hash,
        action=row.action,
        service=row.service,
        resource=row.resource,
        outcome=row.outcome,
        reason=row.reason,
        payload=row.payload,
    )
    return Recorded(row.sequence, event)


_COLUMNS = """event_id, time_ns, kind, request_id, gateway_request_id, org_id, actor, actor_hash, action, service,
    resource, outcome, reason, payload"""
_SELECT = f"SELECT sequence, {_COLUMNS} FROM heartguard_core.audit_events"  # noqa: S608
_ADD = f"""
INSERT INTO heartguard_core.audit_events ({_COLUMNS})
SELECT {_COLUMNS}
FROM ROWS FROM (jsonb_to_recordset(cast(:batch AS jsonb)) AS (
    event_id uuid, time_ns bigint, kind text, request_id text, gateway_request_id text, org_id integer, actor text,
    actor_hash text, action text, service text, resource text, outcome text, reason text, payload jsonb
)) WITH ORDINALITY AS given ({_COLUMNS}, place)
ORDER BY place
ON CONFLICT (event_id) DO NOTHING
"""  # noqa: S608
