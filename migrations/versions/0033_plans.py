"""Plans of organizations, limits that are nearly used, and the use of the limit of API keys."""

from alembic import op

revision = "0033_plans"
down_revision = "0032_organization_states"

TABLES = """
ALTER TABLE heartguard_core.organization_states
    ADD COLUMN plan text,
    ADD COLUMN plan_until timestamptz,
    ADD COLUMN grace_days integer NOT NULL DEFAULT 0,
    ADD COLUMN plan_stage text CHECK (plan_stage IN ('running', 'grace', 'ended')),
    -- By limit, 80 or 100: the part of it that was used when that was last reported.
    ADD COLUMN levels jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN usage_checked_at timestamptz;
CREATE INDEX organization_states_by_plan ON heartguard_core.organization_states (plan_until)
    WHERE plan_until IS NOT NULL AND plan_stage <> 'ended';
-- A value that the operator set for this organization; others are those of its plan.
ALTER TABLE heartguard_core.organization_limits ADD COLUMN own boolean NOT NULL DEFAULT true;
"""

# As before, with the API keys.
COUNTING = """
CREATE OR REPLACE FUNCTION heartguard_core.limits_used(organization integer, today date)
RETURNS TABLE (name text, used bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = heartguard_core, pg_temp AS $$
    SELECT 'points_per_day', coalesce(sum(written), 0)::bigint FROM point_counts
        WHERE org_id = organization AND day = today
    UNION ALL SELECT 'stored_points', coalesce(sum(stored), 0)::bigint FROM point_counts WHERE org_id = organization
    UNION ALL SELECT 'series', count(*) FROM series AS s JOIN buckets AS b ON b.id = s.bucket_id
        WHERE b.org_id = organization
    UNION ALL SELECT 'series_per_member', coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM series AS s JOIN buckets AS b ON b.id = s.bucket_id
        WHERE b.org_id = organization AND s.user_id IS NOT NULL GROUP BY s.user_id) AS of_person
    UNION ALL SELECT 'fields', count(*) FROM field_types AS f JOIN buckets AS b ON b.id = f.bucket_id
        WHERE b.org_id = organization
    UNION ALL SELECT 'buckets', count(*) FROM buckets WHERE org_id = organization
    UNION ALL SELECT 'media_bytes', coalesce(sum(bytes), 0)::bigint FROM media_usage WHERE org_id = organization
    UNION ALL SELECT 'media_items', coalesce(sum(items), 0)::bigint FROM media_usage WHERE org_id = organization
    UNION ALL SELECT 'open_uploads', coalesce(sum(n), 0)::bigint FROM (
        SELECT count(*) AS n FROM media_items
        WHERE org_id = organization AND status = 'pending' AND bytes_until IS NOT NULL) AS announced
    UNION ALL SELECT 'open_uploads_per_member', coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM media_items
        WHERE org_id = organization AND status = 'pending' AND bytes_until IS NOT NULL GROUP BY owner_id) AS announced
    UNION ALL SELECT 'open_upload_bytes_per_member', coalesce(max(n), 0)::bigint FROM (
        SELECT sum(size) AS n FROM media_items
        WHERE org_id = organization AND status = 'pending' AND bytes_until IS NOT NULL GROUP BY owner_id) AS announced
    UNION ALL SELECT 'members', count(*) FROM users WHERE org_id = organization AND deleted_at IS NULL
    UNION ALL SELECT 'sessions_per_member', coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM sessions AS s JOIN users AS u ON u.id = s.user_id
        WHERE u.org_id = organization AND s.ended_at IS NULL AND s.expires_at > now() GROUP BY s.user_id) AS of_person
    UNION ALL SELECT 'invitations', count(*) FROM invitations WHERE org_id = organization AND expires_at > now()
    UNION ALL SELECT 'api_keys', count(*) FROM api_keys WHERE org_id = organization
    UNION ALL SELECT 'open_exports', count(*) FROM jobs
        WHERE org_id = organization AND kind = 'user.export' AND status IN ('queued', 'running')
    UNION ALL SELECT c.name, max(c.used) FROM daily_counts AS c WHERE c.org_id = organization AND c.day = today
        GROUP BY c.name
$$;
"""


def upgrade() -> None:
    """Add the columns and the index, and replace the function."""
    for statements in (TABLES, COUNTING):
        op.execute(statements)
