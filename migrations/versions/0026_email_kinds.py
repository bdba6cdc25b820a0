"""The kinds of outbox entries get the names that the code has: an e-mail, and a request for a password code."""

from alembic import op

revision = "0026_email_kinds"
down_revision = "0025_audit_asks_for_authority"

CHANGES = """
ALTER TABLE heartguard_core.mail_outbox DROP CONSTRAINT mail_outbox_kind_check;
UPDATE heartguard_core.mail_outbox SET kind = CASE kind WHEN 'letter' THEN 'email' ELSE 'password_code' END;
ALTER TABLE heartguard_core.mail_outbox
    ADD CONSTRAINT mail_outbox_kind_check CHECK (kind IN ('email', 'password_code'));
"""


def upgrade() -> None:
    """Rename the kinds in the rows and in the constraint."""
    op.execute(CHANGES)
