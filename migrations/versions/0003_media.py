"""Metadata of media items."""

from alembic import op

revision = "0003_media"
down_revision = "0002_time_series"

TABLES = """
CREATE TABLE heartguard_core.media_items (
    id uuid PRIMARY KEY,
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    owner_id integer NOT NULL REFERENCES heartguard_core.users,
    file_name text NOT NULL,
    content_type text NOT NULL,
    size bigint NOT NULL DEFAULT 0,
    sha256 text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ready')),
    created_at timestamptz NOT NULL
);
CREATE INDEX media_items_of_organization ON heartguard_core.media_items (org_id, id DESC);
CREATE INDEX media_items_of_owner ON heartguard_core.media_items (org_id, owner_id, id DESC);
CREATE INDEX media_items_pending ON heartguard_core.media_items (created_at) WHERE status = 'pending';
"""

GRANTS = """
GRANT SELECT, INSERT (id, org_id, owner_id, file_name, content_type, created_at), UPDATE (status, size, sha256), DELETE
    ON heartguard_core.media_items TO heartguard_media;
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
