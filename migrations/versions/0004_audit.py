"""The audit trail: append-only, one numbered trail for each organization and one for no organization."""

from alembic import op

revision = "0004_audit"
down_revision = "0003_media"

TABLES = """
CREATE TABLE heartguard_core.audit_events (
    event_id uuid PRIMARY KEY,
    -- NULL: the trail of events without an organization. No foreign key, because the trail outlives the organization.
    org_id integer,
    sequence bigint NOT NULL CHECK (sequence > 0),
    time_ns bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL CHECK (kind IN ('access', 'change')),
    request_id text NOT NULL,
    gateway_request_id text,
    actor text NOT NULL,
    actor_hash text,
    action text NOT NULL,
    service text NOT NULL,
    resource text,
    outcome text NOT NULL CHECK (outcome IN ('success', 'denied', 'failure')),
    reason text,
    payload jsonb NOT NULL,
    CONSTRAINT audit_events_trail UNIQUE NULLS NOT DISTINCT (org_id, sequence)
);
CREATE INDEX audit_events_by_actor ON heartguard_core.audit_events (org_id, actor, sequence);
CREATE INDEX audit_events_by_actor_hash ON heartguard_core.audit_events (org_id, actor_hash, sequence)
    WHERE actor_hash IS NOT NULL;
CREATE INDEX audit_events_by_resource ON heartguard_core.audit_events (org_id, resource, sequence)
    WHERE resource IS NOT NULL;
CREATE INDEX audit_events_by_time ON heartguard_core.audit_events (org_id, time_ns);
"""

# The lock (with an arbitrary number) lets one writer insert at a time: a sequence is given when all smaller ones are
# committed, so that a trail that was read to its end can't grow in the middle.
TRIGGERS = """
CREATE FUNCTION heartguard_core.number_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(5006);
    IF NEW.org_id IS NULL THEN
        SELECT coalesce(max(sequence), 0) + 1 INTO NEW.sequence
        FROM heartguard_core.audit_events WHERE org_id IS NULL;
    ELSE
        SELECT coalesce(max(sequence), 0) + 1 INTO NEW.sequence
        FROM heartguard_core.audit_events WHERE org_id = NEW.org_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER number_event BEFORE INSERT ON heartguard_core.audit_events
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.number_audit_event();

CREATE FUNCTION heartguard_core.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON heartguard_core.audit_events
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.refuse_audit_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON heartguard_core.audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION heartguard_core.refuse_audit_change();
"""

# Without sequence and recorded_at, which the table sets.
GRANTS = """
GRANT SELECT, INSERT (event_id, org_id, time_ns, kind, request_id, gateway_request_id, actor, actor_hash, action,
    service, resource, outcome, reason, payload) ON heartguard_core.audit_events TO heartguard_audit;
"""


def upgrade() -> None:
    """Create the table, its triggers and the grants."""
    for statements in (TABLES, TRIGGERS, GRANTS):
        op.execute(statements)
