"""The outbox of e-mails, and codes for forgotten passwords."""

from alembic import op

revision = "0005_mail"
down_revision = "0004_audit"

TABLES = """
CREATE TABLE heartguard_core.mail_outbox (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('letter', 'forgotten')),
    -- A keyed hash of the address: one waiting request for each address is enough.
    once text UNIQUE,
    -- Address and text, encrypted with KEY_RING_SECRET, because an e-mail may have a code that sets a password.
    sealed text NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX mail_outbox_due ON heartguard_core.mail_outbox (due_at);

CREATE TABLE heartguard_core.password_resets (
    code_hash bytea PRIMARY KEY,
    user_id integer NOT NULL REFERENCES heartguard_core.users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX password_resets_of_user ON heartguard_core.password_resets (user_id, created_at);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.mail_outbox TO heartguard_auth;
GRANT SELECT, INSERT, UPDATE (used_at), DELETE ON heartguard_core.password_resets TO heartguard_auth;
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
