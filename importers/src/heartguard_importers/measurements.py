"""The measurements of HeartGuard's catalogue that device files hold, with the field and the unit of their values.

`GET /timeseries/measurements` lists the catalogue; a test of the repository compares both.
"""

from typing import NamedTuple


class Measurement(NamedTuple):
    """A measurement whose values stand in `field`, in `unit`.

    `may_be_zero` where 0 is a value and not its absence; `no_value` is another number that stands for the absence:
    bytes that were never set are 255, which no format means as a heart rate.
    """

    name: str
    field: str
    unit: str
    may_be_zero: bool = False
    no_value: float | None = None


HEART_RATE = Measurement("heart_rate", "bpm", "bpm", no_value=255)
RESTING_HEART_RATE = Measurement("resting_heart_rate", "bpm", "bpm", no_value=255)
RR_INTERVAL = Measurement("rr_interval", "ms", "ms")
HRV_RMSSD = Measurement("hrv_rmssd", "ms", "ms")
HRV_SDNN = Measurement("hrv_sdnn", "ms", "ms")
SPO2 = Measurement("spo2", "percent", "%")
RESPIRATORY_RATE = Measurement("respiratory_rate", "breaths_per_minute", "1/min")
STEPS = Measurement("steps", "count", "count", may_be_zero=True)

ALL = (HEART_RATE, RESTING_HEART_RATE, RR_INTERVAL, HRV_RMSSD, HRV_SDNN, SPO2, RESPIRATORY_RATE, STEPS)
BY_NAME = {measurement.name: measurement for measurement in ALL}

MOTION_CONTEXT = "motion_context"
"""The tag of a heart rate that says what the person did: `sedentary` or `active`; absent where it is not known."""
