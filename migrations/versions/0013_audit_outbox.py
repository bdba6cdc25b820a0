"""Events of changes wait in the database that holds the changes, until the trail has them."""

from alembic import op

revision = "0013_audit_outbox"
down_revision = "0012_access_keys"

TABLES = """
CREATE TABLE heartguard_core.audit_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The line that a stream entry would carry. Text: whoever reads it judges what it is, and refuses no commit for it.
    event text NOT NULL,
    put_at timestamptz NOT NULL DEFAULT now()
);
-- Rows live for a moment: what is dead goes before a look for the oldest has to step over much of it.
ALTER TABLE heartguard_core.audit_outbox SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1
);
"""

# Not id, not put_at: those are the table's own. Nobody may change an event that waits, and services can't see one.
GRANTS = """
GRANT INSERT (event) ON heartguard_core.audit_outbox
    TO heartguard_auth, heartguard_organization, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
GRANT SELECT, DELETE ON heartguard_core.audit_outbox TO heartguard_audit;
"""


def upgrade() -> None:
    """Create the table and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
