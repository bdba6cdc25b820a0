"""Organizations, users, sessions, keys, jobs and idempotency keys."""

from alembic import op

revision = "0001_identity"
down_revision = None

# One role for each service with a database; the program that starts the system sets passwords and LOGIN. The timeout is
# less than the 30 s in which a crashed server is restarted, so that no orphaned backend survives the restart.
SERVICES = ("auth", "organization", "user", "media", "influx", "audit")
ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'heartguard_{name}') THEN
        CREATE ROLE heartguard_{name} NOLOGIN;
    END IF;
END $$;
ALTER ROLE heartguard_{name} SET statement_timeout = '25s';
ALTER ROLE heartguard_{name} SET timezone = 'UTC';
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_{name};
"""

TABLES = """
CREATE TABLE heartguard_core.organizations (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    policies text NOT NULL DEFAULT '',
    retention_days integer CHECK (retention_days BETWEEN 1 AND 36500),
    time_zone text NOT NULL DEFAULT 'UTC',
    unknown_measurements text NOT NULL DEFAULT 'accept' CHECK (unknown_measurements IN ('accept', 'reject')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE heartguard_core.users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    email text,
    -- The address after case folding and NFKC, which must be unique. NULL after anonymization.
    email_key text UNIQUE,
    password_hash text,
    full_name text,
    role text NOT NULL CHECK (role IN ('admin', 'manager', 'user')),
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE INDEX users_of_organization ON heartguard_core.users (org_id, id);

CREATE TABLE heartguard_core.user_preferences (
    user_id integer NOT NULL REFERENCES heartguard_core.users,
    key text NOT NULL,
    value jsonb NOT NULL,
    position integer NOT NULL,
    PRIMARY KEY (user_id, key)
);

CREATE TABLE heartguard_core.sessions (
    id uuid PRIMARY KEY,
    user_id integer NOT NULL REFERENCES heartguard_core.users,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    address text NOT NULL,
    user_agent text NOT NULL
);
CREATE INDEX sessions_of_user ON heartguard_core.sessions (user_id) WHERE ended_at IS NULL;

-- One row for each refresh token that was issued in a session: reuse of an exchanged one ends the session.
CREATE TABLE heartguard_core.refresh_tokens (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES heartguard_core.sessions,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    replaced_by bytea,
    -- The access token issued with it, so that introspection by jti can find it.
    access_token_id text NOT NULL UNIQUE,
    access_expires_at timestamptz NOT NULL
);
CREATE INDEX refresh_tokens_of_session ON heartguard_core.refresh_tokens (session_id);

CREATE TABLE heartguard_core.revoked_tokens (
    kind text NOT NULL CHECK (kind IN ('jti', 'sid', 'kid')),
    value text NOT NULL,
    reason text NOT NULL,
    revoked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX revoked_tokens_by_expiry ON heartguard_core.revoked_tokens (expires_at);

CREATE TABLE heartguard_core.signing_keys (
    kid text PRIMARY KEY,
    -- PKCS #8, encrypted with KEY_RING_SECRET: a database dump alone can't sign tokens.
    private_key text NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);

CREATE TABLE heartguard_core.jobs (
    id uuid PRIMARY KEY,
    org_id integer NOT NULL,
    kind text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    error text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_unfinished ON heartguard_core.jobs (kind, created_at) WHERE status IN ('queued', 'running');

CREATE TABLE heartguard_core.idempotency_keys (
    service text NOT NULL,
    caller text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    status integer,
    headers jsonb,
    body bytea,
    created_ns bigint NOT NULL,
    PRIMARY KEY (service, caller, route, key)
);
"""

# A trigger sets updated_at: two services update users, and neither needs a grant for that column.
TRIGGERS = """
CREATE FUNCTION heartguard_core.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.users
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();
CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.organizations
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();
CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.jobs
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();
"""

GRANTS = """
GRANT SELECT, INSERT (org_id, email, email_key, password_hash, full_name, role),
    UPDATE (email, email_key, password_hash, role, active, deleted_at) ON heartguard_core.users TO heartguard_auth;
GRANT SELECT (id, deleted_at), INSERT (name) ON heartguard_core.organizations TO heartguard_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.sessions, heartguard_core.refresh_tokens,
    heartguard_core.revoked_tokens, heartguard_core.signing_keys TO heartguard_auth;

GRANT SELECT (id, org_id, email, full_name, role, active, created_at, updated_at, deleted_at),
    UPDATE (full_name) ON heartguard_core.users TO heartguard_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.user_preferences TO heartguard_user;
GRANT SELECT ON heartguard_core.user_preferences TO heartguard_auth;

GRANT SELECT, UPDATE (name, policies, retention_days, time_zone, unknown_measurements, deleted_at)
    ON heartguard_core.organizations TO heartguard_organization;
GRANT SELECT, INSERT, UPDATE (status, progress, error) ON heartguard_core.jobs TO heartguard_organization;

GRANT SELECT (id, retention_days, time_zone, unknown_measurements, deleted_at) ON heartguard_core.organizations
    TO heartguard_influx;
GRANT SELECT (id, deleted_at) ON heartguard_core.organizations TO heartguard_media;
GRANT SELECT (id, org_id) ON heartguard_core.users TO heartguard_influx, heartguard_media;

GRANT SELECT, INSERT, UPDATE (status, headers, body), DELETE ON heartguard_core.idempotency_keys
    TO heartguard_media, heartguard_influx, heartguard_audit;
"""


def upgrade() -> None:
    """Create the roles, the tables, their triggers and the grants."""
    for name in SERVICES:
        op.execute(ROLE.format(name=name))
    for statements in (TABLES, TRIGGERS, GRANTS):
        op.execute(statements)
