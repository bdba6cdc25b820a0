"""The use of the limits of who is notified of alarms."""

from alembic import op

revision = "0047_used_alarm_limits"
down_revision = "0046_day_sums"

# As before, with channels, notification policies, silences and messages about alarms.
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
    UNION ALL SELECT 'open_imports', count(*) FROM imports
        WHERE org_id = organization AND state IN ('awaiting_upload', 'queued', 'running')
    UNION ALL SELECT 'alarm_rules', count(*) FROM alarm_rules
        WHERE org_id = organization AND deleted_ns IS NULL
    UNION ALL SELECT 'alarm_channels', count(*) FROM alarm_channels WHERE org_id = organization
    UNION ALL SELECT 'alarm_policies', count(*) FROM alarm_policies WHERE org_id = organization
    UNION ALL SELECT 'alarm_silences', count(*) FROM alarm_silences WHERE org_id = organization AND ends_at > now()
    UNION ALL SELECT 'alarm_messages_per_hour', count(*) FROM alarm_messages
        WHERE org_id = organization AND created_at > now() - interval '1 hour'
    UNION ALL SELECT c.name, max(c.used) FROM daily_counts AS c WHERE c.org_id = organization AND c.day = today
        GROUP BY c.name
$$;
"""


def upgrade() -> None:
    """Replace the function."""
    op.execute(COUNTING)
