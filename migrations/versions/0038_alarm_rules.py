"""The role of the alarm service, and rules with their versions."""

from alembic import op

revision = "0038_alarm_rules"
down_revision = "0037_streams"

ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'heartguard_alarm') THEN
        CREATE ROLE heartguard_alarm NOLOGIN;
    END IF;
END $$;
ALTER ROLE heartguard_alarm SET statement_timeout = '25s';
ALTER ROLE heartguard_alarm SET timezone = 'UTC';
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_alarm;
"""

TABLES = """
CREATE TABLE heartguard_core.alarm_rules (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    -- Part of the exclusion constraint of episodes, which takes numbers.
    number bigint GENERATED ALWAYS AS IDENTITY,
    -- Which default rule it was made of.
    made_from text,
    deleted_ns bigint,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, number)
);
CREATE UNIQUE INDEX alarm_rules_made_from ON heartguard_core.alarm_rules (org_id, made_from)
    WHERE made_from IS NOT NULL AND deleted_ns IS NULL;

CREATE TABLE heartguard_core.alarm_rule_versions (
    org_id integer NOT NULL,
    rule_id uuid NOT NULL,
    version integer NOT NULL,
    -- It applies to event times from here on.
    from_ns bigint NOT NULL,
    changed_by text NOT NULL,
    enabled boolean NOT NULL,
    settings jsonb NOT NULL,
    PRIMARY KEY (org_id, rule_id, version),
    UNIQUE (org_id, rule_id, from_ns),
    FOREIGN KEY (org_id, rule_id) REFERENCES heartguard_core.alarm_rules (org_id, id)
);
"""

# As 0001, 0013, 0016, 0017, 0018, 0021 and 0028 grant them to the other services.
GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.alarm_rules, heartguard_core.alarm_rule_versions
    TO heartguard_alarm;
GRANT SELECT, INSERT, UPDATE (status, headers, body), DELETE ON heartguard_core.idempotency_keys TO heartguard_alarm;
GRANT INSERT (event) ON heartguard_core.audit_outbox TO heartguard_alarm;
GRANT EXECUTE ON FUNCTION heartguard_core.enter_writer, heartguard_core.await_writers, heartguard_core.api_key_acts
    TO heartguard_alarm;
GRANT SELECT ON heartguard_core.organization_limits TO heartguard_alarm;
GRANT SELECT (org_id, mode, near, changed_at) ON heartguard_core.organization_states TO heartguard_alarm;
GRANT SELECT, INSERT, UPDATE ON heartguard_core.daily_counts TO heartguard_alarm;
GRANT SELECT, INSERT, UPDATE (attempts, reason, content, last_failed_at, due_at), DELETE ON heartguard_core.dead_letters
    TO heartguard_alarm;
GRANT SELECT ON heartguard_core.restores TO heartguard_alarm;
GRANT SELECT (kind, value, revoked_at, expires_at) ON heartguard_core.revoked_tokens TO heartguard_alarm;
"""


def upgrade() -> None:
    """Create the role, the tables and the grants."""
    for statements in (ROLE, TABLES, GRANTS):
        op.execute(statements)
