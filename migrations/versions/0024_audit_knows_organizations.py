"""Audit can distinguish an organization without events from one that does not exist."""

from alembic import op

revision = "0024_audit_knows_organizations"
down_revision = "0023_reported_events"


def upgrade() -> None:
    """Grant the numbers of organizations, and nothing else of them."""
    op.execute("GRANT SELECT (id) ON heartguard_core.organizations TO heartguard_audit")
