"""States of evaluations are found by person."""

from alembic import op

revision = "0050_states_by_person"
down_revision = "0047_used_alarm_limits"

# By rule first, the states of one person lay between those of all others. A page has room for a new version of its rows
# without a new entry in the index.
BY_PERSON = """
ALTER TABLE heartguard_core.alarm_states
    DROP CONSTRAINT alarm_states_pkey, ADD PRIMARY KEY (org_id, user_id, rule_id), SET (fillfactor = 70);
ALTER TABLE heartguard_core.alarm_due_times
    DROP CONSTRAINT alarm_due_times_pkey, ADD PRIMARY KEY (org_id, user_id, rule_id), SET (fillfactor = 70);
"""
# Rows live for a moment: frequent vacuuming keeps dead rows from slowing down the search for the oldest one.
VACUUM = """
ALTER TABLE heartguard_core.changed_ranges SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);
"""


def upgrade() -> None:
    """Change the primary keys, and how often changes are vacuumed."""
    for statements in (BY_PERSON, VACUUM):
        op.execute(statements)
