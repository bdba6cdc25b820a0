"""Locks after wrong passwords, which do not depend on the memory of Redis."""

from alembic import op

revision = "0022_login_locks"
down_revision = "0021_restores"

TABLES = """
-- Keyed hashes of an e-mail address, whether or not it has an account, and of a client's address; empty: any.
CREATE TABLE heartguard_core.login_locks (
    account text NOT NULL,
    address text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (account, address)
);
CREATE INDEX login_locks_by_end ON heartguard_core.login_locks (until);
"""

GRANTS = "GRANT SELECT, INSERT, UPDATE (until), DELETE ON heartguard_core.login_locks TO heartguard_auth"


def upgrade() -> None:
    """Create the table and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
