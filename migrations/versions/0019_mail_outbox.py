"""E-mails that failed for good stay in the outbox for the operator; all e-mails to one address can be found."""

from alembic import op

revision = "0019_mail_outbox"
down_revision = "0018_dead_letters"

CHANGES = """
ALTER TABLE heartguard_core.mail_outbox
    -- A keyed hash of the address, by which the deletion of a person finds their e-mails.
    ADD COLUMN recipient text,
    -- Nothing is sent any more; the row only records a recent request.
    ADD COLUMN done boolean NOT NULL DEFAULT false,
    -- Replaced by dead_letters, which counts attempts.
    DROP COLUMN attempts;
UPDATE heartguard_core.mail_outbox SET recipient = once, done = (due_at = expires_at);
CREATE INDEX mail_outbox_by_recipient ON heartguard_core.mail_outbox (recipient);
"""


def upgrade() -> None:
    """Change the table; waiting e-mails stay in it."""
    op.execute(CHANGES)
