"""Which key signed an access token, so that a retired one is known by the token's id too."""

from alembic import op

revision = "0012_access_keys"
down_revision = "0011_archives"


def upgrade() -> None:
    """Add the column; access tokens from before it are known by their own header alone, until they expire."""
    op.execute("ALTER TABLE heartguard_core.refresh_tokens ADD COLUMN access_key_id text")
