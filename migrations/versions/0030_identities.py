"""Identities, of which each owns the memberships of one person in several organizations."""

from alembic import op

revision = "0030_identities"
down_revision = "0028_api_keys"

# An identity belongs to no organization, so that its keys name none: on a distributed PostgreSQL this is a table that
# every node has. `users` are the memberships. They keep the address, so that members can be listed and searched without
# this table; the foreign key makes the copy follow.
TABLES = """
CREATE TABLE heartguard_core.identities (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    email_key text NOT NULL GENERATED ALWAYS AS (heartguard_core.email_key(email)) STORED UNIQUE,
    password_hash text NOT NULL,
    -- Whoever registered the person chose the password, and may know it.
    password_assigned boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The membership that the last login or switch was for, where there are several.
    last_user_id integer,
    UNIQUE (id, email)
);
ALTER TABLE heartguard_core.users ADD COLUMN identity_id integer;
-- Issued by an admin of that organization instead of sent to the address.
ALTER TABLE heartguard_core.password_resets ADD COLUMN by_admin boolean NOT NULL DEFAULT false;
"""

# Before this each address had one account. The trigger would make each row look changed.
ROWS = """
ALTER TABLE heartguard_core.users DISABLE TRIGGER touch;
INSERT INTO heartguard_core.identities (email, password_hash, created_at)
SELECT email, password_hash, created_at FROM heartguard_core.users
WHERE email IS NOT NULL AND password_hash IS NOT NULL ORDER BY id;
UPDATE heartguard_core.users u SET identity_id = i.id
FROM heartguard_core.identities i WHERE i.email_key = u.email_key;
ALTER TABLE heartguard_core.users ENABLE TRIGGER touch;
"""

CONSTRAINTS = """
ALTER TABLE heartguard_core.users DROP COLUMN password_hash,
    DROP CONSTRAINT users_email_key_key,
    ADD CONSTRAINT users_email_in_organization UNIQUE (email_key, org_id),
    ADD CONSTRAINT users_identity FOREIGN KEY (identity_id, email)
        REFERENCES heartguard_core.identities (id, email) ON UPDATE CASCADE;
CREATE INDEX users_of_identity ON heartguard_core.users (identity_id) WHERE identity_id IS NOT NULL;
"""

GRANTS = """
GRANT SELECT, INSERT (email, password_hash, password_assigned),
    UPDATE (password_hash, password_assigned, last_user_id), DELETE ON heartguard_core.identities TO heartguard_auth;
GRANT INSERT (identity_id), UPDATE (identity_id) ON heartguard_core.users TO heartguard_auth;
-- The deletion of an identity requests those of its memberships.
GRANT SELECT, INSERT ON heartguard_core.jobs TO heartguard_auth;
GRANT SELECT (name) ON heartguard_core.organizations TO heartguard_auth;
"""


def upgrade() -> None:
    """Create the table, move addresses and passwords into it, then the constraints and the grants."""
    for statements in (TABLES, ROWS, CONSTRAINTS, GRANTS):
        op.execute(statements)
