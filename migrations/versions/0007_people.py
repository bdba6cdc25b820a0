"""E-mail addresses that are unique by the database's normalization, jobs with retries, archives that expire."""

from alembic import op

revision = "0007_people"
down_revision = "0006_audit_chain"

# Generated, so that no service can store a differently normalized address.
ADDRESSES = """
CREATE FUNCTION heartguard_core.email_key(address text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN normalize(casefold(normalize(address, NFKC) COLLATE pg_unicode_fast), NFKC);
ALTER TABLE heartguard_core.users DROP COLUMN email_key;
ALTER TABLE heartguard_core.users
    ADD COLUMN email_key text GENERATED ALWAYS AS (heartguard_core.email_key(email)) STORED UNIQUE;
"""

JOBS = """
-- The person of the job; NULL for a job of the organization. No foreign key, because a job outlives what it removes.
ALTER TABLE heartguard_core.jobs ADD COLUMN user_id integer,
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN result text;
DROP INDEX heartguard_core.jobs_unfinished;
CREATE INDEX jobs_due ON heartguard_core.jobs (kind, due_at) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX jobs_one_at_a_time ON heartguard_core.jobs (kind, org_id, user_id) NULLS NOT DISTINCT
    WHERE status IN ('queued', 'running');
"""

ARCHIVES = """
-- NULL for a person's file; for an archive of their data, which only its signed URL gives, when it expires.
ALTER TABLE heartguard_core.media_items ADD COLUMN expires_at timestamptz;
CREATE INDEX media_items_expiring ON heartguard_core.media_items (expires_at) WHERE expires_at IS NOT NULL;
"""

GRANTS = """
GRANT UPDATE (attempts, due_at, result) ON heartguard_core.jobs TO heartguard_organization;
GRANT SELECT, INSERT, UPDATE (status, progress, error, attempts, due_at, result) ON heartguard_core.jobs
    TO heartguard_user;
GRANT SELECT, INSERT, UPDATE (status, headers, body), DELETE ON heartguard_core.idempotency_keys TO heartguard_user;
GRANT INSERT (expires_at) ON heartguard_core.media_items TO heartguard_media;
"""


def upgrade() -> None:
    """Change the tables, then the grants."""
    for statements in (ADDRESSES, JOBS, ARCHIVES, GRANTS):
        op.execute(statements)
