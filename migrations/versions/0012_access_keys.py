"""Which key signed an access token, so that introspection by the token's id knows when that key was retired."""

from alembic import op

revision = "0012_access_keys"
down_revision = "0011_archives"


def upgrade() -> None:
    """Add the column; for earlier access tokens only their header names the key, until they expire."""
    op.execute("ALTER TABLE heartguard_core.refresh_tokens ADD COLUMN access_key_id text")
