"""Invitations into an organization; the row of a used or withdrawn one is deleted."""

from alembic import op

revision = "0010_invitations"
down_revision = "0009_media_uploads"

TABLES = """
CREATE TABLE heartguard_core.invitations (
    id uuid PRIMARY KEY,
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    email text NOT NULL,
    email_key text NOT NULL GENERATED ALWAYS AS (heartguard_core.email_key(email)) STORED,
    role text NOT NULL CHECK (role IN ('admin', 'manager', 'user')),
    code_hash bytea NOT NULL UNIQUE,
    created_by integer NOT NULL REFERENCES heartguard_core.users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- A further invitation of the same address has a new code, which replaces the former.
    UNIQUE (org_id, email_key)
);
CREATE INDEX invitations_of_address ON heartguard_core.invitations (email_key);
CREATE INDEX invitations_of_inviter ON heartguard_core.invitations (created_by);
"""

GRANTS = """
GRANT SELECT, INSERT (id, org_id, email, role, code_hash, created_by, created_at, expires_at), DELETE
    ON heartguard_core.invitations TO heartguard_auth;
"""


def upgrade() -> None:
    """Create the table and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
