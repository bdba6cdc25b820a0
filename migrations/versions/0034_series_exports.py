"""What the API of InfluxDB shows of an organization; exports of series, whose files media keeps for a day."""

from alembic import op

revision = "0034_series_exports"
down_revision = "0033_plans"

FILES = """
-- An archive of all data of its owner, or the points of a period that its owner asked for: those of `about`, or of the
-- whole organization where that is NULL.
ALTER TABLE heartguard_core.export_archives
    ADD COLUMN kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'series')),
    ADD COLUMN about integer,
    ADD COLUMN file_name text,
    ADD COLUMN content_type text;
CREATE INDEX export_archives_of_series ON heartguard_core.export_archives (org_id) WHERE kind = 'series';
"""

GRANTS = """
GRANT SELECT (name) ON heartguard_core.organizations TO heartguard_influx;
GRANT SELECT, INSERT, UPDATE (status, progress, error, attempts, due_at, result), DELETE ON heartguard_core.jobs
    TO heartguard_influx;
GRANT INSERT (kind, about, file_name, content_type) ON heartguard_core.export_archives TO heartguard_media;
"""


def upgrade() -> None:
    """Extend the table and the grants."""
    for statements in (FILES, GRANTS):
        op.execute(statements)
