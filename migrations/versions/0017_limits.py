"""Limits: the values of each organization, how much was used in a day, and how many field values are stored."""

from alembic import op

revision = "0017_limits"
down_revision = "0016_writers"

TABLES = """
-- Only values that differ from the defaults; names as in heartguard_common.core.limits.
CREATE TABLE heartguard_core.organization_limits (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    name text NOT NULL,
    value bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (org_id, name)
);

-- Organization 0 means all organizations together. `subject` is a member's id, or the keyed hash of an address.
CREATE TABLE heartguard_core.daily_counts (
    org_id integer NOT NULL,
    day date NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (org_id, day, name, subject)
) WITH (fillfactor = 50);
CREATE INDEX daily_counts_by_day ON heartguard_core.daily_counts (day);

-- Sixteen rows for each day, chosen by connection, so that writers of one organization don't wait for one another.
-- `written` counts field values that were new or changed on that day, `stored` added minus removed ones. The day
-- 1970-01-01 has the sum of earlier days, and removals.
CREATE TABLE heartguard_core.point_counts (
    org_id integer NOT NULL,
    day date NOT NULL,
    shard smallint NOT NULL,
    written bigint NOT NULL,
    stored bigint NOT NULL,
    PRIMARY KEY (org_id, day, shard)
) WITH (fillfactor = 50);
INSERT INTO heartguard_core.point_counts (org_id, day, shard, written, stored)
SELECT b.org_id, DATE '1970-01-01', 0, 0, count(*)
FROM heartguard_core.points AS p
JOIN heartguard_core.series AS s ON s.id = p.series_id
JOIN heartguard_core.buckets AS b ON b.id = s.bucket_id
GROUP BY b.org_id;

CREATE INDEX media_items_open ON heartguard_core.media_items (org_id, owner_id)
    WHERE status = 'pending' AND bytes_until IS NOT NULL;
CREATE INDEX jobs_of_organization ON heartguard_core.jobs (org_id, kind) WHERE status IN ('queued', 'running');
"""

# The organization service may not read these tables; this function counts for it.
COUNTING = """
CREATE FUNCTION heartguard_core.limits_used(organization integer, today date) RETURNS TABLE (name text, used bigint)
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
    UNION ALL SELECT 'open_exports', count(*) FROM jobs
        WHERE org_id = organization AND kind = 'user.export' AND status IN ('queued', 'running')
    UNION ALL SELECT c.name, max(c.used) FROM daily_counts AS c WHERE c.org_id = organization AND c.day = today
        GROUP BY c.name
$$;
REVOKE ALL ON FUNCTION heartguard_core.limits_used FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT ON heartguard_core.organization_limits
    TO heartguard_auth, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.organization_limits TO heartguard_organization;
GRANT EXECUTE ON FUNCTION heartguard_core.limits_used TO heartguard_organization;
GRANT SELECT, INSERT, UPDATE ON heartguard_core.daily_counts
    TO heartguard_auth, heartguard_user, heartguard_media, heartguard_influx, heartguard_audit;
GRANT DELETE ON heartguard_core.daily_counts TO heartguard_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.point_counts TO heartguard_influx;
GRANT UPDATE (bytes_until) ON heartguard_core.media_items TO heartguard_media;
"""


def upgrade() -> None:
    """Create the tables, count stored field values, then create the function and the grants."""
    for statements in (TABLES, COUNTING, GRANTS):
        op.execute(statements)
