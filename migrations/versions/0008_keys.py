"""Keys of the ring: since when each key signs, and until when it verifies."""

from alembic import op

revision = "0008_keys"
down_revision = "0007_people"

TABLES = """
ALTER TABLE heartguard_core.signing_keys
    -- NULL: the key is published, and will sign later.
    ADD COLUMN signs_since timestamptz,
    -- NULL: it signs or will sign; otherwise when its last token expires.
    ADD COLUMN expires_at timestamptz;
UPDATE heartguard_core.signing_keys SET signs_since = created_at;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(TABLES)
