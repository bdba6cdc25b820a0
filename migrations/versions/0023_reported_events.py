"""Events that an admin reports are of a kind of their own, which no reader takes for a change of ours."""

from alembic import op

revision = "0023_reported_events"
down_revision = "0022_login_locks"


def upgrade() -> None:
    """Let `kind` be `reported` too. Reads the table once, under a lock that waits for its readers."""
    op.execute("ALTER TABLE heartguard_core.audit_events DROP CONSTRAINT audit_events_kind_check")
    op.execute(
        "ALTER TABLE heartguard_core.audit_events ADD CONSTRAINT audit_events_kind_check"
        " CHECK (kind IN ('access', 'change', 'reported'))"
    )
