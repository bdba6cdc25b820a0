"""Sums of days: what windows over long ranges are computed from instead of the points."""

from alembic import op

revision = "0046_day_sums"
down_revision = "0045_alarm_streams"

TABLES = """
-- The values of a series on one day of UTC, added up by field and five minutes: one entry of each array for a field and
-- five minutes that have points; a slot is 0 to 287. NULL where they are to be added up, because a point of the day was
-- stored, changed or removed.
-- `day` counts from 1970-01-01.
CREATE TABLE heartguard_core.day_sums (
    series_id bigint NOT NULL REFERENCES heartguard_core.series ON DELETE CASCADE,
    day integer NOT NULL,
    fields integer[],
    slots smallint[],
    counts integer[],
    sums double precision[],
    lows double precision[],
    highs double precision[],
    PRIMARY KEY (series_id, day)
);
CREATE INDEX day_sums_due ON heartguard_core.day_sums (series_id, day) WHERE counts IS NULL;

-- Up to which day, itself not included, each day of a series with points has a row in day_sums.
CREATE TABLE heartguard_core.summed_series (
    series_id bigint PRIMARY KEY REFERENCES heartguard_core.series ON DELETE CASCADE,
    until_day integer NOT NULL
);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.day_sums, heartguard_core.summed_series TO heartguard_influx;
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (TABLES, GRANTS):
        op.execute(statements)
