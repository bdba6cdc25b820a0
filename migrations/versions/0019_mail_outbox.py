"""Letters that are given up stay in the outbox for the operator; all of one address can be found."""

from alembic import op

revision = "0019_mail_outbox"
down_revision = "0018_dead_letters"

CHANGES = """
ALTER TABLE heartguard_core.mail_outbox
    -- A keyed hash of the address: the end of a person removes what waits for them.
    ADD COLUMN recipient text,
    -- Nothing is to be sent any more; the row says that somebody has asked a short while ago.
    ADD COLUMN done boolean NOT NULL DEFAULT false,
    -- dead_letters counts them.
    DROP COLUMN attempts;
UPDATE heartguard_core.mail_outbox SET recipient = once, done = (due_at = expires_at);
CREATE INDEX mail_outbox_by_recipient ON heartguard_core.mail_outbox (recipient);
"""


def upgrade() -> None:
    """Change the table; what waits goes on waiting."""
    op.execute(CHANGES)
