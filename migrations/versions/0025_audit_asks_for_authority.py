"""Audit stores answers under Idempotency-Keys; like other data, only while the caller may store something."""

from alembic import op

revision = "0025_audit_asks_for_authority"
down_revision = "0024_audit_knows_organizations"


def upgrade() -> None:
    """Grant audit the check of authority. It erases nothing, and so needs no grant to wait for writers."""
    op.execute("GRANT EXECUTE ON FUNCTION heartguard_core.enter_writer TO heartguard_audit")
