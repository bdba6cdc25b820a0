"""What EDF and WFDB have in common: signals with label and unit, in even steps from an instant that the file names."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from heartguard_importers import measurements
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import InvalidFileError, Options, Record, Report
from heartguard_importers.times import LocalClock, SkippedTimeError, nanoseconds

_PER_MINUTE = ("", "bpm", "/min", "1/min", "b/min", "beats/min", "br/min", "breaths/min", "min-1")
_PERCENT = ("", "%", "percent")
# Labels without spaces and punctuation, and the units in which such a signal is a number and not a wave.
_LABELS: tuple[tuple[Measurement, tuple[str, ...], tuple[str, ...]], ...] = (
    (measurements.HEART_RATE, ("hr", "heartrate", "ecghr", "pulse", "pulserate", "pr"), _PER_MINUTE),
    (measurements.SPO2, ("spo2", "sao2", "o2sat", "osat"), _PERCENT),
    (measurements.RESPIRATORY_RATE, ("resprate", "respiratoryrate", "respirationrate", "rr"), _PER_MINUTE[1:]),
    (measurements.RESPIRATORY_RATE, ("resp",), ("bpm", "br/min", "breaths/min")),
)


def measurement_of(label: str, unit: str) -> Measurement | None:
    """The measurement of a signal of numbers; None for waves and for what has no measurement."""
    plain = re.sub(r"[^a-z0-9]", "", label.lower())
    dimension = unit.strip().lower()
    return next((it for it, labels, units in _LABELS if plain in labels and dimension in units), None)


class Steps:
    """Turns samples of one signal into records, at most one a second: the first of each second that has a value."""

    def __init__(self, measurement: Measurement, tags: Mapping[str, str], report: Report) -> None:
        self._measurement = measurement
        self._tags = tags
        self._report = report
        self._second = -1

    def give(self, value: float | None, time: int) -> Iterator[Record]:
        """The record of a sample at `time`, if it is the first of its second."""
        second = time // 10**9
        if second == self._second:
            return
        record = self._report.accept(self._measurement, value, time, self._tags)
        if record is not None:
            self._second = second
            yield record


def beginning(local: datetime | None, options: Options, place: str) -> int:
    """When a recording begins: what the file says in local time, or `options.start` where it says nothing.

    Raises InvalidFileError where neither is known, or the time zone is not.
    """
    if local is None:
        if options.start is None:
            raise InvalidFileError(place, "says no date; say when the recording begins")
        return nanoseconds(options.start)
    if options.time_zone is None:
        raise InvalidFileError(place, "has local times; say the person's time zone")
    try:
        return LocalClock(options.time_zone).time(local)
    except SkippedTimeError as error:
        raise InvalidFileError(place, "begins at a local time that the time zone skips") from error
    except ValueError as error:
        raise InvalidFileError(place, "begins at a time that is none") from error
