"""Indexes by which expired rows are found."""

from alembic import op

revision = "0014_ages"
down_revision = "0013_audit_outbox"

INDEXES = """
CREATE INDEX idempotency_keys_by_age ON heartguard_core.idempotency_keys (service, created_ns);
CREATE INDEX sessions_by_age ON heartguard_core.sessions (least(expires_at, last_used_at));
"""


def upgrade() -> None:
    """Create the indexes."""
    op.execute(INDEXES)
