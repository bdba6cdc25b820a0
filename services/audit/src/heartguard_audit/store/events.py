"""The trail in PostgreSQL: one class writes it, each event with the hash of the one before; another reads it."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg2

from heartguard_audit.domain.chain import Head
from heartguard_audit.domain.events import NotAnEventError, Recorded, Search
from heartguard_audit.ports import Sealer
from heartguard_audit.store.chain_store import in_chain
from heartguard_common.audit.chain import event_hash
from heartguard_common.audit.events import DISCLOSED, AuditEvent
from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.stores.database import Database, text

FILTERS = frozenset({"kind", "actor", "actor_hash", "action", "service", "resource", "outcome"})


class PostgresJournal:
    """The only writer of `audit_events`: gives each event its sequence, its hash and its seal."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def add(self, events: Sequence[AuditEvent]) -> int:
        """Append a batch, all or nothing, and return how many of its events were new.

        Raises `NotAnEventError` when PostgreSQL refuses a value, `ServiceError` GEN_503 when it is unavailable.
        """
        given = {event.id: event for event in events}
        try:
            with self._database.transaction() as connection:
                if not given:
                    return 0
                # One writer at a time: a sequence is given when the one before it is committed. The time is that of
                # the transaction, which the table's default writes.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})
                known = {str(row[0]) for row in connection.execute(text(_KNOWN), {"ids": list(given)})}
                fresh = [event for event_id, event in given.items() if event_id not in known]
                if not fresh:
                    return 0
                orgs = sorted({event.org_id for event in fresh if event.org_id is not None})
                heads = {
                    row.org_id: Head(row.sequence, row.hash.tobytes())
                    for row in connection.execute(text(_HEADS), {"orgs": orgs})
                }
                recorded_us = connection.execute(text(_NOW)).scalar_one()
                batch = json.dumps(self._linked(fresh, heads, recorded_us))
                return connection.execute(text(_ADD), {"batch": batch}).rowcount
        except (psycopg2.DataError, psycopg2.IntegrityError) as error:
            raise NotAnEventError("was refused by the database") from error

    def _linked(
        self, events: Sequence[AuditEvent], heads: dict[int | None, Head], recorded_us: int
    ) -> list[dict[str, object]]:
        rows = []
        for event in events:
            row, last = _row(event), heads.get(event.org_id, Head())
            digest = event_hash(row, last.sequence + 1, recorded_us, last.hash)
            heads[event.org_id] = Head(last.sequence + 1, digest)
            row |= {
                "sequence": last.sequence + 1,
                "previous_hash": f"\\x{last.hash.hex()}",
                "hash": f"\\x{digest.hex()}",
                "seal": f"\\x{self._sealer.seal(digest).hex()}",
            }
            rows.append(row)
        return rows


class PostgresEvents:
    """The table `audit_events` as it is read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int | None, event_id: str) -> Recorded | None:
        """An event of one organization's trail (None: of no organization)."""
        condition = f"event_id = cast(:event_id AS uuid) AND {in_chain(org_id)}"
        with self._database.transaction() as connection:
            row = connection.execute(
                text(f"{_SELECT} WHERE {condition}"), {"event_id": event_id, "org_id": org_id}
            ).one_or_none()
        return _recorded(row) if row else None

    def page(self, search: Search, limit: int) -> list[Recorded]:
        """At most `limit` events, newest first."""
        if unknown := search.equals.keys() - FILTERS:
            raise ValueError(f"no filter {sorted(unknown)}")
        values: dict[str, object] = {"org_id": search.org_id, "limit": limit, **search.equals}
        conditions = [in_chain(search.org_id), *(f"{name} = :{name}" for name in search.equals)]
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

    def readings(self, org_id: int, person: str, before: int | None, limit: int) -> list[Recorded]:
        """At most `limit` events in which somebody else read data of a person (`user:12`), newest first."""
        values = {"org_id": org_id, "person": person, "before": before, "limit": limit, "disclosed": f"%{DISCLOSED}"}
        with self._database.transaction() as connection:
            return [_recorded(row) for row in connection.execute(text(_READINGS), values)]


def _row(event: AuditEvent) -> dict[str, object]:
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


# An arbitrary number; the trigger of the table takes the same lock.
WRITER_LOCK = 5006
_TABLE = "heartguard_core.audit_events"
_COLUMNS = """event_id, time_ns, kind, request_id, gateway_request_id, org_id, actor, actor_hash, action, service,
    resource, outcome, reason, payload"""
_SELECT = f"SELECT sequence, {_COLUMNS} FROM {_TABLE}"  # noqa: S608
# A GET of the person's own resource is an access event of the gateway; where the path does not tell whose data was
# read, the service that has the data records a `.disclosed` event.
_READINGS = f"""{_SELECT}
WHERE org_id = :org_id AND resource = :person AND actor <> :person AND outcome = 'success'
    AND (kind = 'access' AND payload ->> 'method' = 'GET' OR kind = 'change' AND action LIKE :disclosed)
    AND sequence < coalesce(:before, 9223372036854775807)
ORDER BY sequence DESC LIMIT :limit
"""
_KNOWN = f"SELECT event_id FROM {_TABLE} WHERE event_id = ANY(cast(:ids AS uuid[]))"  # noqa: S608
_NOW = "SELECT cast(extract(epoch FROM now()) * 1000000 AS bigint)"
# Two branches, because one condition with IS NOT DISTINCT FROM would use no index.
_HEADS = f"""
SELECT chain.org_id, head.sequence, head.hash
FROM unnest(cast(:orgs AS integer[])) AS chain (org_id) CROSS JOIN LATERAL (
    SELECT sequence, hash FROM {_TABLE} WHERE org_id = chain.org_id ORDER BY sequence DESC LIMIT 1
) AS head
UNION ALL (SELECT org_id, sequence, hash FROM {_TABLE} WHERE org_id IS NULL ORDER BY sequence DESC LIMIT 1)
"""  # noqa: S608
_ADD = f"""
INSERT INTO {_TABLE} ({_COLUMNS}, sequence, previous_hash, hash, seal)
SELECT {_COLUMNS}, sequence, previous_hash, hash, seal
FROM jsonb_to_recordset(cast(:batch AS jsonb)) AS (
    event_id uuid, time_ns bigint, kind text, request_id text, gateway_request_id text, org_id integer, actor text,
    actor_hash text, action text, service text, resource text, outcome text, reason text, payload jsonb,
    sequence bigint, previous_hash bytea, hash bytea, seal bytea
)
ORDER BY org_id, sequence
"""  # noqa: S608
