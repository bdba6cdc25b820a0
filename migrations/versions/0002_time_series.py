"""Buckets, series and points: the embedded time-series store."""

from alembic import op

revision = "0002_time_series"
down_revision = "0001_identity"

TABLES = """
-- The default bucket of an organization exists without a row; it gets one with its first point.
CREATE TABLE heartguard_core.buckets (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    name text COLLATE "C" NOT NULL,
    retention_days integer CHECK (retention_days BETWEEN 1 AND 36500),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, name)
);

CREATE TABLE heartguard_core.field_types (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket_id integer NOT NULL REFERENCES heartguard_core.buckets,
    measurement text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL,
    type text NOT NULL CHECK (type IN ('float', 'boolean', 'string')),
    UNIQUE (bucket_id, measurement, field)
);

CREATE TABLE heartguard_core.series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket_id integer NOT NULL REFERENCES heartguard_core.buckets,
    measurement text COLLATE "C" NOT NULL,
    tags jsonb NOT NULL,
    -- SHA-256 of measurement and tags, because 64 tags of a kilobyte each don't fit into an index row.
    digest bytea NOT NULL,
    -- The person whose data it is, from the tag user_id.
    user_id bigint,
    UNIQUE (bucket_id, digest)
);
CREATE INDEX series_of_measurement ON heartguard_core.series (bucket_id, measurement);
CREATE INDEX series_of_person ON heartguard_core.series (user_id, bucket_id) WHERE user_id IS NOT NULL;

-- No foreign keys: checking them for 100,000 rows a second costs as much as writing the rows. Instead a writer holds a
-- shared lock on the bucket's row, and a removal of series an exclusive one.
CREATE TABLE heartguard_core.points (
    series_id bigint NOT NULL,
    time_ns bigint NOT NULL,
    field_id integer NOT NULL,
    -- A number, or 0 and 1 of a boolean field; NULL for text.
    number double precision,
    string text,
    PRIMARY KEY (series_id, time_ns, field_id)
);
"""

GRANTS = """
GRANT SELECT (created_at) ON heartguard_core.organizations TO heartguard_influx;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.buckets, heartguard_core.field_types,
    heartguard_core.series, heartguard_core.points TO heartguard_influx;
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
