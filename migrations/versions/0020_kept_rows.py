"""Grants for removing rows that are no longer needed: finished jobs, and exchanged refresh tokens."""

from alembic import op

revision = "0020_kept_rows"
down_revision = "0019_mail_outbox"

TOKENS = """
-- Whether the token names its session, so that reuse is recognized without its row.
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
