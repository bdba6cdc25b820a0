"""Audit can distinguish an organization without events from one that does not exist."""

from alembic import op

revision = "0024_audit_knows_organizations"
down_revision = "0023_reported_events"


def upgrade() -> None:
    """Grant SELECT on the ids of organizations, and no other column."""
    op.execute("GRANT SELECT (id) ON heartguard_core.organizations TO heartguard_audit")
