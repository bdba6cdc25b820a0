"""When data of people are missing, and when changes were evaluated."""

from alembic import op

revision = "0041_due_times"
down_revision = "0040_used_limits"

TABLES = """
CREATE TABLE heartguard_core.alarm_due_times (
    org_id integer NOT NULL,
    rule_id uuid NOT NULL,
    user_id bigint NOT NULL,
    -- When to look whether data are missing; NULL: not before something changes.
    due_ns bigint,
    state text NOT NULL,
    PRIMARY KEY (org_id, rule_id, user_id),
    FOREIGN KEY (org_id, rule_id) REFERENCES heartguard_core.alarm_rules (org_id, id)
);
CREATE INDEX alarm_due_times_due ON heartguard_core.alarm_due_times (due_ns) WHERE due_ns IS NOT NULL;

-- What lies between two rows is an outage: nothing that was due in it is raised because of it.
CREATE TABLE heartguard_core.alarm_running_times (
    since_ns bigint PRIMARY KEY,
    until_ns bigint NOT NULL
);

ALTER TABLE heartguard_core.alarm_episodes
    ADD silent text CHECK (silent IN ('phone', 'watch')),
    ADD last_sample_ns bigint;
CREATE INDEX changed_ranges_of_person ON heartguard_core.changed_ranges (org_id, user_id);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.alarm_due_times TO heartguard_alarm;
GRANT SELECT, INSERT, UPDATE (until_ns) ON heartguard_core.alarm_running_times TO heartguard_alarm;
"""


def upgrade() -> None:
    """Create the tables, the columns and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
