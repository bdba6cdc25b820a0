"""Audit keeps answers of idempotency keys, which are stored as other data is: only while the caller may store them."""

from alembic import op

revision = "0025_audit_asks_for_authority"
down_revision = "0024_audit_knows_organizations"


def upgrade() -> None:
    """Let audit ask who may store something; it has nothing to erase, so it never waits for who is storing."""
    op.execute("GRANT EXECUTE ON FUNCTION heartguard_core.enter_writer TO heartguard_audit")
