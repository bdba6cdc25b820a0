"""Imports of files that devices and health apps export."""

from alembic import op

revision = "0036_imports"
down_revision = "0035_import_files"

TABLES = """
CREATE TABLE heartguard_core.imports (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    user_id integer NOT NULL REFERENCES heartguard_core.users,
    -- What was asked for: who, the bucket, the file, its kind, the time zone, the columns of a CSV file.
    request jsonb NOT NULL,
    state text NOT NULL
        CHECK (state IN ('awaiting_upload', 'queued', 'running', 'done', 'failed', 'cancelled')),
    -- How many records are stored or refused, and what became of them.
    position bigint NOT NULL DEFAULT 0,
    counts jsonb NOT NULL,
    problem jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- The job, as in the table jobs.
    created_by text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
    progress integer NOT NULL DEFAULT 0,
    error text,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX imports_of_person ON heartguard_core.imports (org_id, user_id, id);
CREATE INDEX imports_by_id ON heartguard_core.imports (id);
CREATE INDEX imports_due ON heartguard_core.imports (due_at) WHERE status IN ('queued', 'running');
CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.imports
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE (state, position, counts, problem, status, progress, error, attempts, due_at), DELETE
    ON heartguard_core.imports TO heartguard_influx;
"""


def upgrade() -> None:
    """Create the table and its grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
