"""The kind `reported` for events that an admin sends, which distinguishes them from changes that services record."""

from alembic import op

revision = "0023_reported_events"
down_revision = "0022_login_locks"


def upgrade() -> None:
    """Permit the kind `reported`. Reads the table once, with a lock that waits for its readers."""
    op.execute("ALTER TABLE heartguard_core.audit_events DROP CONSTRAINT audit_events_kind_check")
    op.execute(
        "ALTER TABLE heartguard_core.audit_events ADD CONSTRAINT audit_events_kind_check"
        " CHECK (kind IN ('access', 'change', 'reported'))"
    )
