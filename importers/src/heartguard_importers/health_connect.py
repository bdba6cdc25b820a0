"""Health Connect, the store of Android: its export, a zip archive with an SQLite database, or the database.

Source: the tables that com.android.server.healthconnect.storage.datatypehelpers creates (Android Open Source Project,
Apache-2.0).

- Times are ms since 1970-01-01T00:00:00Z, whatever the zone offset beside them: no time zone is needed.
- Heart rates are series: `heart_rate_record_series_table` has the values, and its `parent_key` is the `row_id` in
  `heart_rate_record_table`, which names app and device.
- `application_info_table` has the apps that wrote the records (the tag `source`), `device_info_table` the devices.
  Several apps write the same heart rate; all are given.
- Oxygen saturation is in percent. Steps are the sum from start to end, and stored at the end.
- A value can stand twice in a series; the second is a duplicate for whoever stores it.
"""

from collections.abc import Iterator

from heartguard_importers import measurements
from heartguard_importers.databases import Database, Value
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import InvalidFileError, Record, Report, plain

_SERIES = "heart_rate_record_series_table"
_PARENTS = "heart_rate_record_table"
_OWNERS = ("app_info_id", "device_info_id")
# Table, column of the time, column of the value, measurement.
_TABLES: tuple[tuple[str, str, str, Measurement], ...] = (
    ("resting_heart_rate_record_table", "time", "beats_per_minute", measurements.RESTING_HEART_RATE),
    (
        "heart_rate_variability_rmssd_record_table",
        "time",
        "heart_rate_variability_millis",
        measurements.HRV_RMSSD,
    ),
    ("oxygen_saturation_record_table", "time", "percentage", measurements.SPO2),
    ("respiratory_rate_record_table", "time", "rate", measurements.RESPIRATORY_RATE),
    ("steps_record_table", "end_time", "count", measurements.STEPS),
)


def recognises(database: Database) -> bool:
    """Whether a database is one of Health Connect."""
    return database.has("application_info_table", "row_id") and (
        database.has(_SERIES, "parent_key") or any(database.has(table, value) for table, _, value, _ in _TABLES)
    )


def read(database: Database, report: Report) -> Iterator[Record]:
    """The records of a database. Raises InvalidFileError."""
    if not recognises(database):
        raise InvalidFileError(database.name, "has none of the tables of a Health Connect export")
    tags = _Tags(database)
    if database.has(_SERIES, "parent_key", "beats_per_minute", "epoch_millis"):
        joined = ""
        columns = ["epoch_millis", "beats_per_minute"]
        if database.has(_PARENTS, "row_id", *_OWNERS):
            # LEFT, so that each value is seen, and what has no parent too.
            joined = f'LEFT JOIN "{_PARENTS}" AS parent ON parent."row_id" = "{_SERIES}"."parent_key"'
            columns = [f'"{_SERIES}"."{column}"' for column in columns]
            columns += [f'parent."{owner}"' for owner in _OWNERS]
        rows = database.rows(_SERIES, columns, joined)
        yield from _records(rows, measurements.HEART_RATE, tags, report)
    for table, time, value, measurement in _TABLES:
        if database.has(table, time, value):
            owners = _OWNERS if database.has(table, *_OWNERS) else ()
            yield from _records(database.rows(table, (time, value, *owners)), measurement, tags, report)


def _records(
    rows: Iterator[tuple[Value, ...]], measurement: Measurement, tags: "_Tags", report: Report
) -> Iterator[Record]:
    for time, value, *owners in rows:
        moment = time * 10**6 if isinstance(time, int) else None
        number = value if not isinstance(value, bytes) else "?"
        record = report.accept(measurement, number, moment, tags.of(*owners))
        if record is not None:
            yield record


class _Tags:
    """The tags of the apps and devices, by their numbers."""

    def __init__(self, database: Database) -> None:
        self._apps = _names(database, "application_info_table", ("package_name",))
        self._devices = _names(database, "device_info_table", ("manufacturer", "model"))
        self._known: dict[tuple[Value, Value], dict[str, str]] = {}

    def of(self, app: Value = None, device: Value = None) -> dict[str, str]:
        """The tags of a record."""
        found = self._known.get((app, device))
        if found is None:
            source = self._apps.get(app) or "Health Connect"
            name = self._devices.get(device)
            found = {"source": source} | ({"device": name} if name else {})
            if len(self._known) < 10_000:
                self._known[app, device] = found
        return found


def _names(database: Database, table: str, columns: tuple[str, ...]) -> dict[Value, str]:
    if not database.has(table, "row_id", *columns):
        return {}
    found: dict[Value, str] = {}
    for number, *parts in database.rows(table, ("row_id", *columns)):
        found[number] = plain(" ".join(part for part in parts if isinstance(part, str)))
        if len(found) >= 10_000:
            break
    return found
