"""Failed items of queues: how often and why they failed, when they are retried, and which are dead letters."""

from alembic import op

revision = "0018_dead_letters"
down_revision = "0017_limits"

TABLES = """
CREATE TABLE heartguard_core.dead_letters (
    id uuid PRIMARY KEY,
    service text NOT NULL,
    queue text NOT NULL,
    -- The item's id or key in its queue, never personal data.
    item text NOT NULL,
    -- No foreign key, because a failed deletion outlives the organization.
    org_id integer,
    attempts integer NOT NULL,
    reason text NOT NULL,
    -- The item itself, if it is stored nowhere else.
    content text,
    failed_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    -- When it is retried; NULL: only at the operator's request.
    due_at timestamptz,
    UNIQUE (service, queue, item)
);
CREATE INDEX dead_letters_dead ON heartguard_core.dead_letters (service, queue) WHERE due_at IS NULL;
"""

# Each service reads and writes only its own rows, as in idempotency_keys.
GRANTS = """
GRANT SELECT, INSERT, UPDATE (attempts, reason, content, last_failed_at, due_at), DELETE ON heartguard_core.dead_letters
    TO heartguard_auth, heartguard_organization, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
"""


def upgrade() -> None:
    """Create the table and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
