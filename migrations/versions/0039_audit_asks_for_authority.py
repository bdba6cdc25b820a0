"""Audit keeps answers of idempotency keys, which are stored as other data is: only while the caller may store them."""

from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Let audit ask who may store something; it has nothing to erase, so it never waits for who is storing."""
    op.execute("GRANT EXECUTE ON FUNCTION heartguard_core.enter_writer TO heartguard_audit")
