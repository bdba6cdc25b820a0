"""The times of restores, before which all tokens are invalid; grants for copying revocations to Redis."""

from alembic import op

revision = "0021_restores"
down_revision = "0020_kept_rows"

TABLES = """
-- One row for each restore of a backup. Tokens and cursors from before it refer to a database that no longer exists.
CREATE TABLE heartguard_core.restores (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    restored_at timestamptz NOT NULL DEFAULT now(),
    backup_created_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_by_age ON heartguard_core.revoked_tokens (revoked_at);
"""

GRANTS = """
GRANT SELECT ON heartguard_core.restores TO heartguard_auth, heartguard_organization, heartguard_user,
    heartguard_media, heartguard_influx, heartguard_audit;
-- Only ids of sessions, tokens and keys, without the reason.
GRANT SELECT (kind, value, revoked_at, expires_at) ON heartguard_core.revoked_tokens TO heartguard_organization,
    heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
"""


def upgrade() -> None:
    """Create the table, the index and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
