"""Fitbit, as Google Takeout exports it: the zip archive, or one of its JSON files.

The format has no published specification beside the READMEs in the archive; what is used here was read from exports and
from programs that read them.

- `heart_rate-YYYY-MM-DD.json` has `[{"dateTime": "05/01/23 07:00:00", "value": {"bpm": 62, "confidence": 2}}]`, in
  UTC; month before day. Confidence 0 means that the device was not worn or saw no pulse: rejected.
- `resting_heart_rate-*.json` has a value for a day, 0 for none; `steps-*.json` those of each minute, in UTC.
- `Heart Rate Variability Details - *.csv` has RMSSD for 5 minutes, in the person's time zone, which therefore must be
  known; `Daily Respiratory Rate Summary - *.csv` one rate for a night; `Minute SpO2 - *.csv` one saturation for a
  minute, in UTC.
- A saturation of exactly 50 was not measured: about a seventh of all minutes have it, and none has a value between.
- Exports since 2024 have `heart_rate_*.csv`, `steps_*.csv`, `oxygen_saturation_*.csv` and
  `daily_resting_heart_rate*.csv` with times in UTC and the device. The first three have the values of the files above
  once more, without confidence: in an archive they are left out where the other file of the same date is there.
- A value for a day is stored at the beginning of that day in the person's time zone, without one in UTC.
- All else (sleep, exercises, profile) is left out.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple

from heartguard_importers import csv_table, json_array, measurements
from heartguard_importers.files import Stream
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import InvalidFileError, Options, Reason, Record, Report, plain
from heartguard_importers.times import LocalClock, SkippedTimeError, nanoseconds, of_text

_DATE = r"\d{4}-\d{2}(-\d{2})?"


class _Table(NamedTuple):
    """A CSV file: the column of its values, and whether each is that of a day."""

    measurement: Measurement
    column: str
    daily: bool = False
    no_value: float | None = None


_JSON = {
    re.compile(rf"heart_rate-{_DATE}\.json"): measurements.HEART_RATE,
    re.compile(rf"resting_heart_rate-{_DATE}\.json"): measurements.RESTING_HEART_RATE,
    re.compile(rf"steps-{_DATE}\.json"): measurements.STEPS,
}
_SPO2 = 50.0
_CSV = {
    re.compile(rf"Heart Rate Variability Details - {_DATE}\.csv"): _Table(measurements.HRV_RMSSD, "rmssd"),
    re.compile(rf"Minute SpO2 - {_DATE}\.csv"): _Table(measurements.SPO2, "value", no_value=_SPO2),
    re.compile(rf"Daily Respiratory Rate Summary - {_DATE}\.csv"): _Table(
        measurements.RESPIRATORY_RATE, "daily_respiratory_rate", daily=True
    ),
    re.compile(rf"heart_rate_{_DATE}\.csv"): _Table(measurements.HEART_RATE, "beats per minute"),
    re.compile(rf"oxygen_saturation_{_DATE}\.csv"): _Table(
        measurements.SPO2, "oxygen saturation percentage", no_value=_SPO2
    ),
    re.compile(rf"steps_{_DATE}\.csv"): _Table(measurements.STEPS, "steps"),
    re.compile(rf"daily_resting_heart_rate(_{_DATE})?\.csv"): _Table(
        measurements.RESTING_HEART_RATE, "beats per minute", daily=True
    ),
}
# The second has the same values as the first, with less beside them.
_TWICE = (
    ("heart_rate-{}.json", "heart_rate_{}.csv"),
    ("steps-{}.json", "steps_{}.csv"),
    ("Minute SpO2 - {}.csv", "oxygen_saturation_{}.csv"),
)


def repeated(paths: Iterable[str]) -> set[str]:
    """Those files of an archive whose values another of its files has."""
    names: dict[str, list[str]] = {}
    for path in paths:
        names.setdefault(PurePosixPath(path).name, []).append(path)
    found: set[str] = set()
    for first, second in _TWICE:
        begin, end = second.split("{}")
        for name, same in names.items():
            if name.startswith(begin) and name.endswith(end) and first.format(name[len(begin) : -len(end)]) in names:
                found.update(same)
    return found


def recognises(path: str) -> bool:
    """Whether a file of this name has values."""
    name = PurePosixPath(path).name
    return any(pattern.fullmatch(name) for pattern in (*_JSON, *_CSV))


def read(stream: Stream, path: str, options: Options, report: Report) -> Iterator[Record]:
    """The records of the file that Fitbit calls `path`. Raises InvalidFileError."""
    name = PurePosixPath(path).name
    for pattern, measurement in _JSON.items():
        if pattern.fullmatch(name):
            return _json(stream, measurement, options, report)
    for pattern, table in _CSV.items():
        if pattern.fullmatch(name):
            return _csv(stream, table, options, report)
    raise InvalidFileError(stream.name, "is none of the files of a Fitbit export that have values")


def _json(stream: Stream, measurement: Measurement, options: Options, report: Report) -> Iterator[Record]:
    clock = LocalClock(options.time_zone) if options.time_zone else None
    daily = measurement is measurements.RESTING_HEART_RATE
    for item in json_array.read(stream, report):
        found = item if isinstance(item, dict) else {}
        value = found.get("value")
        if measurement is not measurements.STEPS:
            inner = value if isinstance(value, dict) else {}
            if inner.get("confidence") == 0:
                report.reject(Reason.NOT_WORN)
                continue
            value = inner.get("value" if daily else "bpm")
        time = _american(found.get("dateTime"))
        moment = None
        if time is not None:
            moment = _of_day(time, clock) if daily else nanoseconds(time.replace(tzinfo=UTC))
        record = report.accept(measurement, value, moment, {"source": "Fitbit"})
        if record is not None:
            yield record


def _csv(stream: Stream, table: _Table, options: Options, report: Report) -> Iterator[Record]:
    lines = csv_table.Lines(stream)
    report.place = lambda: f"{stream.name}, line {lines.number}"
    clock = LocalClock(options.time_zone) if options.time_zone else None
    for row in csv_table.each_row(csv.DictReader(lines, restkey=""), report):
        tags = {"source": "Fitbit"} | ({"device": device} if (device := plain(row.get("data source") or "")) else {})
        try:
            text = row.get("timestamp") or ""
            if table.daily:
                moment = _of_day(datetime.fromisoformat(text).replace(tzinfo=None), clock)
            else:
                moment = of_text(text, clock)
        except SkippedTimeError:
            report.reject(Reason.TIME_SKIPPED)
            continue
        except (ValueError, OverflowError):
            report.reject(Reason.TIME)
            continue
        value: object = row.get(table.column)
        if table.no_value is not None and _is(value, table.no_value):
            value = None
        record = report.accept(table.measurement, value, moment, tags)
        if record is not None:
            yield record


def _is(text: object, number: float) -> bool:
    try:
        return float(str(text)) == number
    except ValueError:
        return False


def _american(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text)[:30], "%m/%d/%y %H:%M:%S")  # noqa: DTZ007  the caller adds the zone
    except ValueError:
        return None


def _of_day(day: datetime, clock: LocalClock | None) -> int:
    """The beginning of a day. Where the clocks skip it, the first hour that there is."""
    day = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if clock is None:
        return nanoseconds(day.replace(tzinfo=UTC))
    try:
        return clock.time(day)
    except SkippedTimeError:
        return clock.time(day.replace(hour=1))
