"""The operator invites people, too: such an invitation has no member who sent it."""

from alembic import op

revision = "0027_operator_invites"
down_revision = "0026_email_kinds"


def upgrade() -> None:
    """Let the sender of an invitation be missing."""
    op.execute("ALTER TABLE heartguard_core.invitations ALTER COLUMN created_by DROP NOT NULL")
