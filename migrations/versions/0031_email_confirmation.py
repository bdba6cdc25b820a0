"""Confirmation of e-mail addresses by a code that is sent to them."""

from alembic import op

revision = "0031_email_confirmation"
down_revision = "0030_identities"

TABLES = """
ALTER TABLE heartguard_core.identities ADD COLUMN confirmed_at timestamptz;
-- As identities, these rows belong to no organization; the newest code of an identity replaces the former.
CREATE TABLE heartguard_core.email_confirmations (
    identity_id integer PRIMARY KEY REFERENCES heartguard_core.identities ON DELETE CASCADE,
    code_hash bytea NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL
);
ALTER TABLE heartguard_core.mail_outbox DROP CONSTRAINT mail_outbox_kind_check,
    ADD CONSTRAINT mail_outbox_kind_check CHECK (kind IN ('email', 'password_code', 'email_code'));
"""

GRANTS = """
GRANT UPDATE (confirmed_at) ON heartguard_core.identities TO heartguard_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.email_confirmations TO heartguard_auth;
"""


def upgrade() -> None:
    """Add the column and the table, permit the kind of e-mail, and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
