"""Files of imports among the announced uploads of media: they never become files of a person."""

from alembic import op

revision = "0035_import_files"
down_revision = "0034_series_exports"

TABLES = """
-- A file of an import is read by the influx service and then removed. Until then it counts as an announced upload.
ALTER TABLE heartguard_core.media_items
    ADD COLUMN for_import boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT media_items_import_check CHECK (NOT (for_import AND status = 'ready'));
"""

GRANTS = """
GRANT INSERT (for_import) ON heartguard_core.media_items TO heartguard_media;
"""


def upgrade() -> None:
    """Add the column and its grant."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
