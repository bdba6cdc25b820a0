"""Sums of hours: what windows of whole hours over long ranges are computed from instead of the points."""

from alembic import op

revision = "0046_hour_sums"
down_revision = "0040_used_limits"

TABLES = """
-- The values of a series on one day of UTC, added up by field and hour: one entry of each array for an hour of a field
-- that has points. NULL where they are to be added up, because a point of the day was stored, changed or removed.
-- `day` counts from 1970-01-01.
CREATE TABLE heartguard_core.hour_sums (
    series_id bigint NOT NULL REFERENCES heartguard_core.series ON DELETE CASCADE,
    day integer NOT NULL,
    fields integer[],
    hours smallint[],
    counts integer[],
    sums double precision[],
    lows double precision[],
    highs double precision[],
    PRIMARY KEY (series_id, day)
);
CREATE INDEX hour_sums_due ON heartguard_core.hour_sums (series_id, day) WHERE counts IS NULL;

-- Up to which day, itself not included, each day of a series with points has a row in hour_sums.
CREATE TABLE heartguard_core.summed_series (
    series_id bigint PRIMARY KEY REFERENCES heartguard_core.series ON DELETE CASCADE,
    until_day integer NOT NULL
);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.hour_sums, heartguard_core.summed_series TO heartguard_influx;
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
