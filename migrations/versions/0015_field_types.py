"""Fields of the catalogue have numeric types, also where another type was written first."""

from alembic import op

revision = "0015_field_types"
down_revision = "0014_ages"

# The catalogue as it was when this was written.
FIELDS = (
    *(("heart_rate", "bpm"), ("heart_rate", "value"), ("resting_heart_rate", "bpm"), ("resting_heart_rate", "value")),
    *(("rr_interval", "ms"), ("rr_interval", "value"), ("hrv_rmssd", "ms"), ("hrv_rmssd", "value")),
    *(("hrv_sdnn", "ms"), ("hrv_sdnn", "value"), ("spo2", "percent"), ("spo2", "value")),
    *(("respiratory_rate", "breaths_per_minute"), ("respiratory_rate", "value")),
    *(("skin_temperature", "celsius"), ("skin_temperature", "value")),
    *(("body_temperature", "celsius"), ("body_temperature", "value")),
    *(("blood_pressure", "systolic"), ("blood_pressure", "diastolic")),
    *(("steps", "count"), ("steps", "value"), ("distance", "metres"), ("distance", "value")),
    *(("active_energy", "kcal"), ("active_energy", "value")),
)
# Stored values stay under another name: bpm of type string becomes "bpm (string)". The original name gets its type with
# the next point.
HEAL = """
UPDATE heartguard_core.field_types AS t
SET field = t.field || ' (' || t.type || CASE WHEN EXISTS (
        SELECT FROM heartguard_core.field_types AS other
        WHERE other.bucket_id = t.bucket_id AND other.measurement = t.measurement
            AND other.field = t.field || ' (' || t.type || ')'
    ) THEN ' ' || t.id ELSE '' END || ')'
FROM (VALUES {fields}) AS known (measurement, field)
WHERE t.measurement = known.measurement AND t.field = known.field AND t.type <> 'float'
"""
# "latest" reads the series of a bucket page by page.
INDEX = """
CREATE INDEX series_in_order ON heartguard_core.series (bucket_id, id);
"""


def upgrade() -> None:
    """Rename fields with other types, and add an index for the series of a bucket."""
    fields = ", ".join(f"('{measurement}', '{field}')" for measurement, field in FIELDS)
    op.execute(HEAL.format(fields=fields))
    op.execute(INDEX)
