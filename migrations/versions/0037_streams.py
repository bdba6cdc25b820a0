"""Live streams: which organizations are listened to, and which changes have not been published yet."""

from alembic import op

revision = "0037_streams"
down_revision = "0036_imports"

TABLES = """
CREATE TABLE heartguard_core.stream_listeners (
    org_id integer PRIMARY KEY,
    until timestamptz NOT NULL
);
-- A row is written in the transaction of a change and removed once the change is published: one that stays says that
-- the publication was lost.
CREATE TABLE heartguard_core.stream_batches (
    org_id integer NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, id)
);
"""

# The lock makes "nobody listens" a statement about the whole transaction: an organization that gets its first listener
# waits for the transactions that were told so, and all later ones see the listener.
FUNCTIONS = """
CREATE FUNCTION heartguard_core.note_batch(org integer, always boolean) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = heartguard_core, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4, org);
    IF always OR EXISTS (SELECT FROM stream_listeners l WHERE l.org_id = org AND l.until > clock_timestamp()) THEN
        INSERT INTO stream_batches (org_id) VALUES (org) RETURNING id INTO made;
    END IF;
    RETURN made;
END $$;
CREATE FUNCTION heartguard_core.listen_to(org integer, seconds integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = heartguard_core, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM stream_listeners l WHERE l.org_id = org AND l.until > clock_timestamp()) THEN
        PERFORM pg_advisory_xact_lock(4, org);
    END IF;
    INSERT INTO stream_listeners (org_id, until) VALUES (org, clock_timestamp() + make_interval(secs => seconds))
    ON CONFLICT (org_id) DO UPDATE SET until = excluded.until;
    DELETE FROM stream_listeners WHERE until < clock_timestamp() - interval '1 day';
END $$;
REVOKE EXECUTE ON FUNCTION heartguard_core.note_batch, heartguard_core.listen_to FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT ON heartguard_core.stream_listeners TO heartguard_influx, heartguard_user, heartguard_organization;
GRANT INSERT, UPDATE, DELETE ON heartguard_core.stream_listeners TO heartguard_influx;
GRANT SELECT, INSERT, DELETE ON heartguard_core.stream_batches
    TO heartguard_influx, heartguard_user, heartguard_organization;
GRANT UPDATE (noted_at) ON heartguard_core.stream_batches TO heartguard_influx; -- it locks rows
GRANT EXECUTE ON FUNCTION heartguard_core.note_batch
    TO heartguard_influx, heartguard_user, heartguard_organization;
GRANT EXECUTE ON FUNCTION heartguard_core.listen_to TO heartguard_influx;
"""


def upgrade() -> None:
    """Create the tables, the functions and the grants."""
    for statements in (TABLES, FUNCTIONS, GRANTS):
        op.execute(statements)
