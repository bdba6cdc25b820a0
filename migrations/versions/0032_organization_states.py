"""The state of each organization that requests depend on: its mode, and limits that are nearly used."""

from alembic import op

revision = "0032_organization_states"
down_revision = "0031_email_confirmation"

TABLES = """
-- An organization without a row is active, and has no plan.
CREATE TABLE heartguard_core.organization_states (
    org_id integer PRIMARY KEY REFERENCES heartguard_core.organizations,
    mode text NOT NULL DEFAULT 'active' CHECK (mode IN ('active', 'read_only', 'suspended', 'demo')),
    -- Whether the operator chose the mode: the end of a plan changes no such mode.
    mode_chosen boolean NOT NULL DEFAULT false,
    -- The header that warns of limits which are nearly used.
    near text NOT NULL DEFAULT '',
    -- When the mode, the header or the limit of requests changed last: what Redis has a copy of.
    changed_at timestamptz
);
CREATE INDEX organization_states_by_change ON heartguard_core.organization_states (changed_at)
    WHERE changed_at IS NOT NULL;
"""

GRANTS = """
GRANT SELECT (org_id, mode, near, changed_at) ON heartguard_core.organization_states
    TO heartguard_auth, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.organization_states TO heartguard_organization;
"""


def upgrade() -> None:
    """Create the table, the index and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
