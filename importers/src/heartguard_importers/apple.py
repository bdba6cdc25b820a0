"""Apple Health: `export.zip`, or the `export.xml` in it.

The format has no published specification; what is used here was read from exports and from HealthKit's documentation
(developer.apple.com/documentation/healthkit, HKQuantityTypeIdentifier and HKMetadataKeyHeartRateMotionContext).

- The file begins with a DOCTYPE that lists its elements and is not well-formed since iOS 16; it is cut out. Control
  characters such as U+000B stand in texts; they are left out. It has up to gigabytes, one `Record` for each value.
- Times have an offset, `2023-05-01 07:00:00 +0200`: no time zone is needed, and the hour that daylight saving time
  repeats is unambiguous.
- Zip archives have the file in `apple_health_export/`, under a translated name (`Export.xml`, `exportar.xml`). Beside
  it are a clinical document, ECGs and routes, which are left out: routes hold no heart rate.
- `OxygenSaturation` has the unit % and a fraction: 0.97 is 97 %.
- A step count is the sum from startDate to endDate; it is stored at endDate, like other sums of the catalogue.
- The motion context of a heart rate is a `MetadataEntry`: 0 not set, 1 sedentary, 2 active.
- `device` begins with an address in memory that differs from record to record, so that one watch looks like many; the
  tag is made of its name and hardware. Its software version is left out too: it changes, and the watch is the same.
- Phone and watch count the same steps, and apps copy each other's heart rates. All are given, with `source` and
  `device` as tags; who reads chooses.
- Records inside a `Correlation` stand a second time outside of it, and are read there. Single beats inside of an HRV
  record have times without a date, in the language of the phone; they are left out.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from heartguard_importers import measurements, xml_events
from heartguard_importers.files import Stream
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import Reason, Record, Report, plain
from heartguard_importers.times import nanoseconds

_QUANTITY = "HKQuantityTypeIdentifier"
_PER_MINUTE = {"count/min": 1.0, "count/s": 60.0}
_MILLISECONDS = {"ms": 1.0, "s": 1000.0}
# Type, measurement, and the factor for each unit.
_TYPES: dict[str, tuple[Measurement, dict[str, float]]] = {
    "HeartRate": (measurements.HEART_RATE, _PER_MINUTE),
    "RestingHeartRate": (measurements.RESTING_HEART_RATE, _PER_MINUTE),
    "HeartRateVariabilitySDNN": (measurements.HRV_SDNN, _MILLISECONDS),
    "OxygenSaturation": (measurements.SPO2, {"%": 100.0}),
    "RespiratoryRate": (measurements.RESPIRATORY_RATE, _PER_MINUTE),
    "StepCount": (measurements.STEPS, {"count": 1.0}),
}
_MOTION_KEY = "HKMetadataKeyHeartRateMotionContext"
_MOTION = {"1": "sedentary", "2": "active"}
_PART = re.compile(r"(name|manufacturer|hardware):(.*?)(?=, [a-zA-Z]+:|>$|$)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}")
_MOST_DEVICES = 10_000


def read(stream: Stream, report: Report) -> Iterator[Record]:
    """The records of an `export.xml`. Raises InvalidFileError."""
    handler = _Export(report)
    for _ in xml_events.read(stream, handler, report, doctype=True):
        yield from handler.found
        handler.found.clear()


class _Export:
    """Collects the records of the elements that ended."""

    def __init__(self, report: Report) -> None:
        self.found: list[Record] = []
        self._report = report
        self._record: dict[str, str] | None = None
        self._motion: str | None = None
        self._tags: dict[tuple[str, str, str | None], dict[str, str]] = {}

    def start(self, name: str, attributes: dict[str, str], depth: int) -> None:
        """Remember a record of a known type, and its motion context."""
        if depth == 2:
            if name == "Record":
                if attributes.get("type", "").removeprefix(_QUANTITY) in _TYPES:
                    self._record = attributes
                    self._motion = None
                else:
                    self._report.skip(attributes.get("type", "Record").removeprefix(_QUANTITY))
            elif name not in ("ExportDate", "Me"):
                self._report.skip(name)
        elif self._record is not None and attributes.get("key") == _MOTION_KEY and depth == 3:
            self._motion = _MOTION.get(attributes.get("value", ""))

    def end(self, name: str, _: str, depth: int) -> None:
        """Give the record that ends."""
        del name
        if depth != 2 or self._record is None:
            return
        attributes, self._record = self._record, None
        measurement, factors = _TYPES[attributes["type"].removeprefix(_QUANTITY)]
        factor = factors.get(attributes.get("unit", ""))
        if factor is None:
            self._report.reject(Reason.UNIT)
            return
        text = attributes.get("value")
        value = _scaled(text, factor) if text and factor != 1 else text
        summed = measurement is measurements.STEPS
        time = _time(attributes.get("endDate" if summed else "startDate", ""))
        motion = self._motion if measurement is measurements.HEART_RATE else None
        tags = self._tags_of(attributes.get("sourceName", ""), attributes.get("device", ""), motion)
        record = self._report.accept(measurement, value, time, tags)
        if record is not None:
            self.found.append(record)

    def _tags_of(self, source: str, device: str, motion: str | None) -> dict[str, str]:
        described = device.partition(",")[2] if device.startswith("<") else device
        key = (source, described, motion)
        tags = self._tags.get(key)
        if tags is None:
            name = _device(device)
            tags = {"source": plain(source), "device": name, measurements.MOTION_CONTEXT: motion or ""}
            tags = {tag: text for tag, text in tags.items() if text}
            if len(self._tags) < _MOST_DEVICES:
                self._tags[key] = tags
        return tags


def _scaled(value: str, factor: float) -> str | float:
    """The value in the unit of its measurement, rounded to 9 places; a text that is no number as it is."""
    try:
        return round(float(value) * factor, 9)
    except (ValueError, OverflowError):
        return value


def _time(text: str) -> int | None:
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return nanoseconds(datetime.fromisoformat(text[:19] + text[20:]))
    except (ValueError, OverflowError):
        return None


def _device(text: str) -> str:
    """What stays the same of a device: its name and hardware."""
    if not text.startswith("<"):
        return plain(text)
    parts = dict(_PART.findall(text[:1_000]))
    return plain(" ".join(parts[key] for key in ("name", "hardware") if parts.get(key)))
