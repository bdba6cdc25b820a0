"""The known measurements, with unit and plausible range.

The ranges say what a sensor on a living person can show, not what is healthy.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """A known measurement: `minimum` and `maximum` bound the plausible, in `unit`; None where there is no bound."""

    name: str
    unit: str
    minimum: float | None
    maximum: float | None
    description: str


CATALOGUE = (
    Measurement("heart_rate", "bpm", 1.0, 300.0, "Heart rate, beat to beat or averaged by the device"),
    Measurement("resting_heart_rate", "bpm", 20.0, 150.0, "Heart rate at rest, usually one value a day"),
    Measurement("rr_interval", "ms", 200.0, 3000.0, "Time from one R peak to the next"),
    Measurement("hrv_rmssd", "ms", 0.0, 500.0, "Root mean square of successive differences of RR intervals"),
    Measurement("hrv_sdnn", "ms", 0.0, 500.0, "Standard deviation of normal RR intervals"),
    Measurement("spo2", "%", 50.0, 100.0, "Oxygen saturation of the blood by pulse oximetry"),
    Measurement("respiratory_rate", "1/min", 1.0, 80.0, "Breaths per minute"),
    Measurement("skin_temperature", "°C", 10.0, 45.0, "Temperature of the skin under the device"),
    Measurement("body_temperature", "°C", 30.0, 45.0, "Core temperature of the body"),
    Measurement("blood_pressure", "mmHg", 20.0, 300.0, "Systolic and diastolic pressure as two fields"),
    Measurement("steps", "count", 0.0, 100_000.0, "Steps since the value before"),
    Measurement("distance", "m", 0.0, 500_000.0, "Distance covered since the value before"),
    Measurement("active_energy", "kcal", 0.0, 20_000.0, "Energy spent above rest since the value before"),
)
KNOWN = frozenset(measurement.name for measurement in CATALOGUE)
