"""Rows that nobody needs any more may go: jobs that have ended, refresh tokens that were exchanged."""

from alembic import op

revision = "0020_kept_rows"
down_revision = "0019_mail_outbox"

TOKENS = """
-- Whether the token itself says whose session it is, so that one that comes back is known without its row.
ALTER TABLE heartguard_core.refresh_tokens ADD COLUMN signed boolean NOT NULL DEFAULT false;
CREATE INDEX refresh_tokens_spent ON heartguard_core.refresh_tokens (access_expires_at) WHERE used_at IS NOT NULL;
"""

GRANTS = """
GRANT DELETE ON heartguard_core.jobs TO heartguard_user, heartguard_organization;
"""


def upgrade() -> None:
    """Add the column and the index, then the grants."""
    for statements in (TOKENS, GRANTS):
        op.execute(statements)
