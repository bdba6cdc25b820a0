"""The outbox of change events, in the database of the changes, until they are in the trail."""

from alembic import op

revision = "0013_audit_outbox"
down_revision = "0012_access_keys"

TABLES = """
CREATE TABLE heartguard_core.audit_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The same line as in a stream entry. As text, so that the reader checks it and no commit fails because of it.
    event text NOT NULL,
    put_at timestamptz NOT NULL DEFAULT now()
);
-- Rows live for a moment: frequent vacuuming keeps dead rows from slowing down the search for the oldest one.
ALTER TABLE heartguard_core.audit_outbox SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1
);
"""

# Without id and put_at, which the table sets. No role may change a waiting event, and services can't read them.
GRANTS = """
GRANT INSERT (event) ON heartguard_core.audit_outbox
    TO heartguard_auth, heartguard_organization, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
GRANT SELECT, DELETE ON heartguard_core.audit_outbox TO heartguard_audit;
"""


def upgrade() -> None:
    """Create the table and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
