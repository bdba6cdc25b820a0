"""Metadata of media items."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
SELECT 1
"""

GRANTS = """
SELECT 1
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
