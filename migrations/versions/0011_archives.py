"""Archives of people's data, in a table of their own; kept for a week."""

from alembic import op

revision = "0011_archives"
down_revision = "0010_invitations"

TABLES = """
-- Not in media_items: an archive is in no list and no quota, only its signed URL gives it, and it expires.
ALTER TABLE heartguard_core.media_items DROP COLUMN expires_at;
CREATE TABLE heartguard_core.export_archives (
    id uuid PRIMARY KEY,
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    owner_id integer NOT NULL REFERENCES heartguard_core.users,
    size bigint,
    sha256 text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX export_archives_of_owner ON heartguard_core.export_archives (org_id, owner_id);
CREATE INDEX export_archives_expiring ON heartguard_core.export_archives (expires_at);
"""

GRANTS = """
GRANT SELECT, INSERT (id, org_id, owner_id, created_at, expires_at), UPDATE (size, sha256), DELETE
    ON heartguard_core.export_archives TO heartguard_media;
"""


def upgrade() -> None:
    """Create the table and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
