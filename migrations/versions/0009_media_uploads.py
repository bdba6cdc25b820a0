"""Announced uploads, files that are being removed, and how much an organization stores."""

from alembic import op

revision = "0009_media_uploads"
down_revision = "0008_keys"

TABLES = """
ALTER TABLE heartguard_core.media_items
    ADD COLUMN bytes_until timestamptz,
    DROP CONSTRAINT media_items_status_check,
    ADD CONSTRAINT media_items_status_check CHECK (status IN ('pending', 'ready', 'retired'));
CREATE INDEX media_items_retired ON heartguard_core.media_items (org_id, id) WHERE status = 'retired';

CREATE TABLE heartguard_core.media_usage (
    org_id integer PRIMARY KEY REFERENCES heartguard_core.organizations,
    items bigint NOT NULL DEFAULT 0 CHECK (items >= 0),
    bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0)
);
INSERT INTO heartguard_core.media_usage (org_id, items, bytes)
SELECT org_id, count(*) FILTER (WHERE status = 'ready'), sum(size) FROM heartguard_core.media_items GROUP BY org_id;

-- The number of visible items; the bytes of all rows, including those reserved for announced uploads.
CREATE FUNCTION heartguard_core.count_media() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO heartguard_core.media_usage (org_id) VALUES (NEW.org_id) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE heartguard_core.media_usage SET
        items = items + (CASE WHEN TG_OP <> 'DELETE' AND NEW.status = 'ready' THEN 1 ELSE 0 END)
                      - (CASE WHEN TG_OP <> 'INSERT' AND OLD.status = 'ready' THEN 1 ELSE 0 END),
        bytes = bytes + (CASE WHEN TG_OP <> 'DELETE' THEN NEW.size ELSE 0 END)
                      - (CASE WHEN TG_OP <> 'INSERT' THEN OLD.size ELSE 0 END)
    WHERE org_id = coalesce(NEW.org_id, OLD.org_id);
    RETURN NULL;
END $$;
CREATE TRIGGER count_media AFTER INSERT OR UPDATE OF status, size OR DELETE ON heartguard_core.media_items
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.count_media();
"""

GRANTS = """
GRANT INSERT (size, sha256, bytes_until) ON heartguard_core.media_items TO heartguard_media;
GRANT SELECT, INSERT (org_id), UPDATE ON heartguard_core.media_usage TO heartguard_media;
"""


def upgrade() -> None:
    """Create the columns, the table, its trigger and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
