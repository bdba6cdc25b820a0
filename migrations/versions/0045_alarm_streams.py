"""The alarm service announces what happens to alarms to live streams."""

from alembic import op

revision = "0045_alarm_streams"
down_revision = "0042_alarm_notifications"

GRANTS = """
GRANT SELECT ON heartguard_core.stream_listeners TO heartguard_alarm;
GRANT SELECT, INSERT, DELETE ON heartguard_core.stream_batches TO heartguard_alarm;
GRANT EXECUTE ON FUNCTION heartguard_core.note_batch TO heartguard_alarm;
"""


def upgrade() -> None:
    """Create the grants."""
    op.execute(GRANTS)
