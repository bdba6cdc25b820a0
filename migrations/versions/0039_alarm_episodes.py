"""Which points have changed, and the episodes that rules find in them."""

from alembic import op

revision = "0039_alarm_episodes"
down_revision = "0038_alarm_rules"

FEED = """
-- The measurements that rules of an organization look at: only their changes are recorded.
CREATE TABLE heartguard_core.alarm_watches (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    measurement text NOT NULL,
    PRIMARY KEY (org_id, measurement)
);

-- Written with the points, removed with what their evaluation has changed.
CREATE TABLE heartguard_core.changed_ranges (
    org_id integer NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    measurement text NOT NULL,
    first_ns bigint NOT NULL,
    last_ns bigint NOT NULL,
    put_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- With InfluxDB: when the points are there, or will be there at the latest.
    ready_at timestamptz NOT NULL,
    claimed_until timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX changed_ranges_ready ON heartguard_core.changed_ranges (ready_at);
"""

EPISODES = """
CREATE TABLE heartguard_core.alarm_states (
    org_id integer NOT NULL,
    rule_id uuid NOT NULL,
    user_id bigint NOT NULL,
    -- Points up to here have been evaluated; the state is that after them, or NULL where it must be read again.
    head_ns bigint NOT NULL,
    state text,
    PRIMARY KEY (org_id, rule_id, user_id),
    FOREIGN KEY (org_id, rule_id) REFERENCES heartguard_core.alarm_rules (org_id, id)
);

CREATE TABLE heartguard_core.alarm_episodes (
    org_id integer NOT NULL,
    id uuid NOT NULL,
    rule_id uuid NOT NULL,
    rule_number bigint NOT NULL,
    version integer NOT NULL,
    user_id bigint NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    start_ns bigint NOT NULL,
    raised_ns bigint NOT NULL,
    end_ns bigint,
    cleared_ns bigint,
    found_at timestamptz NOT NULL,
    -- Found long after it was over: nobody is notified.
    retrospective boolean NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    closed_at timestamptz,
    closed_by text,
    -- Points that arrived later have shown that there was none, or that it was one with another.
    withdrawn_at timestamptz,
    merged_into uuid,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, rule_id) REFERENCES heartguard_core.alarm_rules (org_id, id),
    CONSTRAINT alarm_episodes_apart EXCLUDE USING gist (
        int8range(org_id, org_id, '[]') WITH &&,
        int8range(rule_number, rule_number, '[]') WITH &&,
        int8range(user_id, user_id, '[]') WITH &&,
        int8range(start_ns, end_ns) WITH &&
    ) WHERE (withdrawn_at IS NULL) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX alarm_episodes_of_rule ON heartguard_core.alarm_episodes (org_id, rule_id, user_id, start_ns)
    WHERE withdrawn_at IS NULL;
CREATE INDEX alarm_episodes_by_start ON heartguard_core.alarm_episodes (org_id, start_ns, id);
CREATE INDEX alarm_episodes_of_person ON heartguard_core.alarm_episodes (org_id, user_id, start_ns, id);

CREATE TABLE heartguard_core.alarm_transitions (
    org_id integer NOT NULL,
    episode_id uuid NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    actor text,
    note text,
    payload jsonb,
    PRIMARY KEY (org_id, episode_id, number),
    FOREIGN KEY (org_id, episode_id) REFERENCES heartguard_core.alarm_episodes (org_id, id)
);
"""

GRANTS = """
GRANT SELECT ON heartguard_core.alarm_watches TO heartguard_influx;
GRANT SELECT, INSERT, DELETE ON heartguard_core.alarm_watches TO heartguard_alarm;
GRANT SELECT, INSERT (org_id, user_id, measurement, first_ns, last_ns, ready_at), UPDATE (ready_at, claimed_until)
    ON heartguard_core.changed_ranges TO heartguard_influx;
GRANT SELECT, INSERT (org_id, user_id, measurement, first_ns, last_ns, ready_at), DELETE
    ON heartguard_core.changed_ranges TO heartguard_alarm;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.alarm_states, heartguard_core.alarm_episodes,
    heartguard_core.alarm_transitions TO heartguard_alarm;
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (FEED, EPISODES, GRANTS):
        op.execute(statements)
