"""The measurement catalogue: known measurements with unit and plausible range, and the fields whose type is fixed.

A range holds the values that a sensor on a living person can measure, not those that are healthy. Values outside are
stored like all others, and flagged when they are written and when they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Measurement:
    """A known measurement: `minimum` and `maximum` bound the plausible values of its `fields`, in `unit`.

    Other fields belong to the device that sends them and have no range. `sources` are the kinds of imported files that
    hold it, empty where only devices and programs write it; `tags` are the tags beside `user_id` that have a meaning
    with it.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    description: str
    fields: tuple[str, ...]
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("source", "device")


_APPS = ("apple_health", "fitbit", "gadgetbridge", "health_connect")
_TRACKERS = (*_APPS, "csv", "fit")
_SIGNALS = (*_TRACKERS, "edf", "wfdb")
CATALOGUE = (
    Measurement(
        "heart_rate",
        "bpm",
        1.0,
        300.0,
        "Heart rate, beat to beat or averaged by the device, which may tag `motion_context`: sedentary or active",
        ("bpm", "value"),
        sources=(*_SIGNALS, "gpx", "tcx"),
        tags=("source", "device", "motion_context"),
    ),
    Measurement(
        "resting_heart_rate",
        "bpm",
        20.0,
        150.0,
        "Heart rate at rest, usually one value a day",
        ("bpm", "value"),
        sources=_TRACKERS,
    ),
    Measurement(
        "rr_interval",
        "ms",
        200.0,
        3000.0,
        "Time from one R peak to the next",
        ("ms", "value"),
        sources=("csv", "fit", "gadgetbridge", "wfdb"),
    ),
    Measurement(
        "hrv_rmssd",
        "ms",
        0.0,
        500.0,
        "Root mean square of successive differences of RR intervals",
        ("ms", "value"),
        sources=("csv", "fit", "fitbit", "gadgetbridge", "health_connect"),
    ),
    Measurement(
        "hrv_sdnn",
        "ms",
        0.0,
        500.0,
        "Standard deviation of normal RR intervals",
        ("ms", "value"),
        sources=("apple_health", "csv"),
    ),
    Measurement(
        "spo2",
        "%",
        50.0,
        100.0,
        "Oxygen saturation of the blood by pulse oximetry",
        ("percent", "value"),
        sources=_SIGNALS,
    ),
    Measurement(
        "respiratory_rate", "1/min", 1.0, 80.0, "Breaths per minute", ("breaths_per_minute", "value"), sources=_SIGNALS
    ),
    Measurement("skin_temperature", "°C", 10.0, 45.0, "Temperature of the skin under the device", ("celsius", "value")),
    Measurement("body_temperature", "°C", 30.0, 45.0, "Core temperature of the body", ("celsius", "value")),
    Measurement(
        "blood_pressure",
        "mmHg",
        20.0,
        300.0,
        "Systolic and diastolic pressure as two fields",
        ("systolic", "diastolic"),
    ),
    Measurement(
        "steps", "count", 0.0, 100_000.0, "Steps since the value before", ("count", "value"), sources=_TRACKERS
    ),
    Measurement("distance", "m", 0.0, 500_000.0, "Distance covered since the value before", ("metres", "value")),
    Measurement(
        "active_energy", "kcal", 0.0, 20_000.0, "Energy spent above rest since the value before", ("kcal", "value")
    ),
)
KNOWN = frozenset(measurement.name for measurement in CATALOGUE)
NUMBERS = frozenset((measurement.name, field) for measurement in CATALOGUE for field in measurement.fields)
"""Measurement and name of each field of the catalogue: it is a float, whatever is written first."""
_BY_NAME = {measurement.name: measurement for measurement in CATALOGUE}


def out_of_range(measurement: str, values: Mapping[str, object]) -> list[str]:
    """The names of a point's fields whose values are outside their plausible range, sorted; the bounds are inside."""
    known = _BY_NAME.get(measurement)
    if known is None:
        return []
    found = []
    for name in known.fields:
        value = values.get(name)
        if isinstance(value, float) and not known.minimum <= value <= known.maximum:
            found.append(name)
    return sorted(found)


def plausible_range(measurement: str, name: str) -> tuple[float, float]:
    """The smallest and the largest plausible value of a field, infinite where there is no bound."""
    known = _BY_NAME.get(measurement)
    return (-inf, inf) if known is None or name not in known.fields else (known.minimum, known.maximum)


def implausible(measurement: str, values: Mapping[str, object]) -> str | None:
    """The reason in the verdict of a point that is stored with values out of range; None where there are none."""
    names = out_of_range(measurement, values)
    if not names:
        return None
    known = _BY_NAME[measurement]
    return f"out of the plausible range {known.minimum:g} to {known.maximum:g} {known.unit}: {', '.join(names)}"
