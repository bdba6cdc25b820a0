"""Keys of the ring: since when each signs, and until when it verifies."""

from alembic import op

revision = "0008_keys"
down_revision = "0007_people"

TABLES = """
ALTER TABLE heartguard_core.signing_keys
    -- NULL: the key is published, and signs when its turn comes.
    ADD COLUMN signs_since timestamptz,
    -- NULL: it signs, or is going to; else until when its last token may live.
    ADD COLUMN expires_at timestamptz;
UPDATE heartguard_core.signing_keys SET signs_since = created_at;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(TABLES)
