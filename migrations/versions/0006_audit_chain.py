"""The chain of audit events: hashes, signed checkpoints, and a role that may remove events with a signed removal."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from alembic import op
from sqlalchemy import Connection, text

revision = "0006_audit_chain"
down_revision = "0005_mail"

PAGE = 2000
GENESIS = bytes(32)
SAFE_INTEGER = 2**53 - 1

COLUMNS = """
ALTER TABLE heartguard_core.audit_events
    ADD previous_hash bytea,
    ADD hash bytea,
    -- The keyed hash of `hash`; NULL for events older than the chain, which the first checkpoint covers.
    ADD seal bytea;
-- The time of the transaction, which the writer can read and hash; no role may write another value.
ALTER TABLE heartguard_core.audit_events ALTER recorded_at SET DEFAULT now();
ALTER TABLE heartguard_core.audit_events DISABLE TRIGGER append_only;
"""

ENFORCED = """
ALTER TABLE heartguard_core.audit_events ENABLE TRIGGER append_only;
ALTER TABLE heartguard_core.audit_events
    ALTER previous_hash SET NOT NULL,
    ALTER hash SET NOT NULL,
    ADD CHECK (octet_length(previous_hash) = 32 AND octet_length(hash) = 32 AND octet_length(seal) = 32);
"""

TABLES = """
CREATE TABLE heartguard_core.audit_checkpoints (
    org_id integer,
    kind text NOT NULL CHECK (kind IN ('checkpoint', 'removal')),
    sequence bigint NOT NULL CHECK (sequence > 0),
    hash bytea NOT NULL,
    time_ns bigint NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL,
    UNIQUE NULLS NOT DISTINCT (org_id, kind, sequence)
);
"""

# The lock lets one writer insert at a time: a sequence is given when the one before it is committed. An event that does
# not follow the newest one is refused with a serialization failure, so that it is retried and not seen as malformed.
TRIGGERS = """
CREATE FUNCTION heartguard_core.link_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(5006);
    IF NEW.org_id IS NULL THEN
        SELECT sequence, hash INTO last FROM heartguard_core.audit_events
        WHERE org_id IS NULL ORDER BY sequence DESC LIMIT 1;
    ELSE
        SELECT sequence, hash INTO last FROM heartguard_core.audit_events
        WHERE org_id = NEW.org_id ORDER BY sequence DESC LIMIT 1;
    END IF;
    IF NEW.sequence IS DISTINCT FROM coalesce(last.sequence, 0) + 1
        OR NEW.previous_hash IS DISTINCT FROM coalesce(last.hash, decode(repeat('00', 32), 'hex'))
        OR NEW.recorded_at IS DISTINCT FROM now() OR NEW.seal IS NULL
    THEN
        RAISE EXCEPTION 'the event does not continue its chain' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER number_event ON heartguard_core.audit_events;
DROP FUNCTION heartguard_core.number_audit_event();
CREATE TRIGGER link_event BEFORE INSERT ON heartguard_core.audit_events
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.link_audit_event();

CREATE OR REPLACE FUNCTION heartguard_core.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER append_only ON heartguard_core.audit_events;
CREATE TRIGGER append_only BEFORE UPDATE ON heartguard_core.audit_events
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.refuse_audit_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON heartguard_core.audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.refuse_audit_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON heartguard_core.audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION heartguard_core.refuse_audit_change();

-- Whether the removal was signed is for the job to check: SQL verifies no signatures. The newest event always stays,
-- so that the chain goes on where it ended.
CREATE FUNCTION heartguard_core.guard_audit_removal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    removable bigint;
    newest bigint;
BEGIN
    IF OLD.org_id IS NULL THEN
        SELECT max(sequence) INTO removable FROM heartguard_core.audit_checkpoints
        WHERE org_id IS NULL AND kind = 'removal';
        SELECT max(sequence) INTO newest FROM heartguard_core.audit_events WHERE org_id IS NULL;
    ELSE
        SELECT max(sequence) INTO removable FROM heartguard_core.audit_checkpoints
        WHERE org_id = OLD.org_id AND kind = 'removal';
        SELECT max(sequence) INTO newest FROM heartguard_core.audit_events WHERE org_id = OLD.org_id;
    END IF;
    IF current_user <> 'heartguard_retention' OR OLD.sequence > coalesce(removable, 0) OR OLD.sequence >= newest THEN
        RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER removal_only BEFORE DELETE ON heartguard_core.audit_events
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.guard_audit_removal();

-- ALWAYS: also for a session that calls itself a replica.
ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER link_event;
ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER removal_only;
ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER never_emptied;
ALTER TABLE heartguard_core.audit_checkpoints ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE heartguard_core.audit_checkpoints ENABLE ALWAYS TRIGGER never_emptied;
"""

# Without recorded_at, which the table sets.
GRANTS = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'heartguard_retention') THEN
        CREATE ROLE heartguard_retention NOLOGIN;
    END IF;
END $$;
ALTER ROLE heartguard_retention SET statement_timeout = '25s';
ALTER ROLE heartguard_retention SET timezone = 'UTC';
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_retention;
GRANT SELECT (org_id, sequence), DELETE ON heartguard_core.audit_events TO heartguard_retention;
GRANT SELECT ON heartguard_core.audit_checkpoints TO heartguard_retention;
GRANT INSERT (sequence, previous_hash, hash, seal) ON heartguard_core.audit_events TO heartguard_audit;
GRANT SELECT, INSERT ON heartguard_core.audit_checkpoints TO heartguard_audit;
"""

ORGANIZATIONS = "SELECT DISTINCT org_id FROM heartguard_core.audit_events"
READ = """
SELECT event_id, org_id, sequence, time_ns, kind, request_id, gateway_request_id, actor, actor_hash, action, service,
    resource, outcome, reason, payload, cast(extract(epoch FROM recorded_at) * 1000000 AS bigint) AS recorded_us
FROM heartguard_core.audit_events
WHERE {chain} AND sequence > :after ORDER BY sequence LIMIT :page
"""
WRITE = """
UPDATE heartguard_core.audit_events AS event
SET previous_hash = decode(given.previous, 'hex'), hash = decode(given.hash, 'hex')
FROM jsonb_to_recordset(cast(:batch AS jsonb)) AS given (event_id uuid, previous text, hash text)
WHERE event.event_id = given.event_id
"""


def upgrade() -> None:
    """Add the columns, chain the existing events, then forbid all changes."""
    op.execute(COLUMNS)
    connection = op.get_bind()
    for batch in _chained(connection):
        connection.execute(text(WRITE), {"batch": json.dumps(batch)})
    for statements in (ENFORCED, TABLES, TRIGGERS, GRANTS):
        op.execute(statements)


def _chained(connection: Connection) -> Iterator[list[dict[str, Any]]]:
    """Compute the hashes of all events, chain by chain and page by page."""
    for (org_id,) in connection.execute(text(ORGANIZATIONS)).all():
        query = text(READ.format(chain="org_id IS NULL" if org_id is None else "org_id = :org_id"))
        after, last = 0, GENESIS
        while True:
            found = connection.execute(query, {"org_id": org_id, "after": after, "page": PAGE})
            batch = []
            for row in found.mappings():
                event_id, after, previous = str(row["event_id"]), row["sequence"], last
                last = link({**row, "event_id": event_id}, after, row["recorded_us"], previous)
                batch.append({"event_id": event_id, "previous": previous.hex(), "hash": last.hex()})
            if not batch:
                break
            yield batch


# Version 1 of the canonical form, the only one that this migration writes. The shared library has its own code for
# it, which may get other versions; this copy never changes.
def link(event: Mapping[str, Any], sequence: int, recorded_us: int, previous: bytes) -> bytes:
    """The SHA-256 of the RFC 8785 text of all columns of an event except `hash` and `seal`, 32 bytes."""
    document = {
        "action": event["action"],
        "actor": event["actor"],
        "actor_hash": event["actor_hash"],
        "event_id": event["event_id"],
        "gateway_request_id": event["gateway_request_id"],
        "kind": event["kind"],
        "org_id": event["org_id"],
        "outcome": event["outcome"],
        "payload": _payload(event["payload"]),
        "previous_hash": previous.hex(),
        "reason": event["reason"],
        "recorded_us": recorded_us,
        "request_id": event["request_id"],
        "resource": event["resource"],
        "sequence": sequence,
        "service": event["service"],
        "time_ns": str(event["time_ns"]),
        "version": 1,
    }
    canonical = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).digest()


def _payload(payload: Any) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise TypeError("its payload is no map")
    # RFC 8785 orders names by their UTF-16 code units.
    return {name: _scalar(payload[name]) for name in sorted(payload, key=lambda name: name.encode("utf-16-be"))}


def _scalar(value: Any) -> Any:
    """A scalar as it is hashed: a number that RFC 8785 can't represent exactly is `{"number": its digits}`."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        # The shortest decimal that reads back as the same double (RFC 8785 3.2.2.3), whole ones as integers.
        decimal = Decimal(repr(value))
        value = int(decimal) if decimal == decimal.to_integral_value() else decimal
    if isinstance(value, Decimal):
        return {"number": format(value, "f")}
    if isinstance(value, int):
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else {"number": str(value)}
    raise TypeError("its payload holds more than scalars")
