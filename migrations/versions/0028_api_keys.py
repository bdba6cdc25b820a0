"""API keys of people and organizations, and the check of a key in the transaction that stores something."""

from alembic import op

revision = "0028_api_keys"
down_revision = "0027_operator_invites"

TABLES = """
CREATE TABLE heartguard_core.api_keys (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('device', 'integration')),
    name text NOT NULL,
    scopes text[] NOT NULL,
    buckets text[] NOT NULL,
    networks text[] NOT NULL,
    -- The person who is responsible: the key has no more rights than they have.
    created_by integer NOT NULL REFERENCES heartguard_core.users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- SHA-256: a secret has 178 random bits.
    secret_hash bytea NOT NULL,
    hint text NOT NULL,
    former_hash bytea,
    former_until timestamptz,
    -- Another one after each change of the key or of the person's rights; former ones are in revoked_tokens.
    version uuid NOT NULL,
    last_used_at timestamptz,
    last_used_address text,
    -- The person has left: until then the key is valid with the role that they had, and can be adopted.
    adopt_before timestamptz,
    kept_role text CHECK (kept_role IN ('admin', 'manager', 'user')),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, secret_hash)
);
CREATE INDEX api_keys_by_secret ON heartguard_core.api_keys (secret_hash);
CREATE INDEX api_keys_by_former_secret ON heartguard_core.api_keys (former_hash) WHERE former_hash IS NOT NULL;
CREATE INDEX api_keys_of_person ON heartguard_core.api_keys (created_by);
CREATE INDEX api_keys_to_adopt ON heartguard_core.api_keys (adopt_before) WHERE adopt_before IS NOT NULL;
"""

# Runs with the owner's rights, as enter_writer does.
FUNCTIONS = """
CREATE FUNCTION heartguard_core.api_key_acts(org integer, key uuid, seen_role text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = heartguard_core, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM api_keys k JOIN users u ON u.id = k.created_by
        WHERE k.org_id = org AND k.id = key AND k.expires_at > clock_timestamp()
        AND CASE
            WHEN k.adopt_before IS NULL
                THEN u.org_id = org AND u.role = seen_role AND u.active AND u.deleted_at IS NULL
            ELSE k.adopt_before > clock_timestamp() AND k.kept_role = seen_role
        END)
$$;
REVOKE EXECUTE ON FUNCTION heartguard_core.api_key_acts FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.api_keys TO heartguard_auth;
GRANT EXECUTE ON FUNCTION heartguard_core.api_key_acts
    TO heartguard_auth, heartguard_organization, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
"""


def upgrade() -> None:
    """Create the table, the function and the grants."""
    for statements in (TABLES, FUNCTIONS, GRANTS):
        op.execute(statements)
