"""Audit can tell an organization without events from one that there is not."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Grant the numbers of organizations, and nothing else of them."""
    op.execute("GRANT SELECT (id) ON heartguard_core.organizations TO heartguard_audit")
