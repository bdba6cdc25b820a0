"""Gadgetbridge: its database, or the zip archive of its export with the database in it.

Source: the tables of the project's GBDaoGenerator (schema 92; facts only, the program is AGPL-3.0), and its
HeartRateUtils.

- Each kind of device has tables of its own, and versions add more: tables are found by their columns. Every one with
  TIMESTAMP and DEVICE_ID holds samples, and HEART_RATE, SPO2, STEPS, RR_MILLIS and RESPIRATORY_RATE are what they
  say.
- TIMESTAMP is seconds in tables of activity and ms in others, always UTC. Which one it is, its size says.
- A heart rate of 0, -1 or 255 was not measured; Gadgetbridge itself takes only what is above 10 and below 250, since
  some devices send 3 (issues 361 and 1173). Fewer than 0 steps were not measured either.
- Huami devices measure a pulse on a table (issue 1005). Their RAW_KIND says when they were not worn or on the charger.
- The highest heart rates of a day are of other samples and left out. HRV values are taken as RMSSD.
- DEVICE has the Bluetooth address, which is left out; two devices of the same name get their numbers as well.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from heartguard_importers import measurements
from heartguard_importers.databases import Database, Value
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import InvalidFileError, Reason, Record, Report, plain
from heartguard_importers.times import of_number

_ADDRESS = re.compile(r"\(?\b[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+\b\)?")
_HEART_RATES = range(11, 250)
_NOT_WORN: dict[str, Callable[[int], bool]] = {
    "MI_BAND_ACTIVITY_SAMPLE": lambda kind: kind & 0xF in (3, 6),
    "HUAMI_EXTENDED_ACTIVITY_SAMPLE": lambda kind: kind in (115, 118),
}


def recognises(database: Database) -> bool:
    """Whether a database is one of Gadgetbridge."""
    return database.has("DEVICE", "_id") and any(_wanted(table, names) for table, names in database.tables.items())


def read(database: Database, report: Report) -> Iterator[Record]:
    """The records of a database. Raises InvalidFileError."""
    if not recognises(database):
        raise InvalidFileError(database.name, "has none of the tables of a Gadgetbridge database")
    devices = _devices(database)
    for table in sorted(database.tables):
        wanted = _wanted(table, database.tables[table])
        if not wanted:
            continue
        kind = ("RAW_KIND",) if table in _NOT_WORN and database.has(table, "RAW_KIND") else ()
        for time, device, *values in database.rows(table, ("TIMESTAMP", "DEVICE_ID", *wanted, *kind)):
            moment = of_number(time) if isinstance(time, int) else None
            tags = devices.get(device, {"source": "Gadgetbridge"})
            state = values.pop() if kind else None
            off = isinstance(state, int) and _NOT_WORN[table](state)
            for measurement, value in zip(wanted.values(), values, strict=True):
                if measurement is measurements.HEART_RATE:
                    if off and value not in (None, 0, -1, 255):
                        report.reject(Reason.NOT_WORN)
                        continue
                    if isinstance(value, int) and value not in _HEART_RATES:
                        report.reject(Reason.NO_VALUE)
                        continue
                record = report.accept(measurement, value if not isinstance(value, bytes) else "?", moment, tags)
                if record is not None:
                    yield record


def _wanted(table: str, columns: tuple[str, ...]) -> dict[str, Measurement]:
    """The columns of a table that are values, with their measurements."""
    if "TIMESTAMP" not in columns or "DEVICE_ID" not in columns or "_MAX_" in table:
        return {}
    pulse = measurements.RESTING_HEART_RATE if "RESTING" in table else measurements.HEART_RATE
    known = {
        "HEART_RATE": pulse,
        "SPO2": measurements.SPO2,
        "RR_MILLIS": measurements.RR_INTERVAL,
        "RESPIRATORY_RATE": measurements.RESPIRATORY_RATE,
    }
    if table.endswith("ACTIVITY_SAMPLE"):
        known["STEPS"] = measurements.STEPS
    if table.endswith("HRV_VALUE_SAMPLE"):
        known["VALUE"] = measurements.HRV_RMSSD
    if table.endswith("RESPIRATORY_RATE_SAMPLE"):
        known["RATE"] = measurements.RESPIRATORY_RATE
    return {column: known[column] for column in columns if column in known}


def _devices(database: Database) -> dict[Value, dict[str, str]]:
    """The tags of each device by its number."""
    names: dict[Value, str] = {}
    columns = [column for column in ("MANUFACTURER", "NAME") if database.has("DEVICE", column)]
    for number, *parts in database.rows("DEVICE", ("_id", *columns)):
        text = " ".join(part for part in parts if isinstance(part, str))
        names[number] = plain(_ADDRESS.sub("", text))[:180]
        if len(names) >= 10_000:
            break
    often = Counter(names.values())
    return {
        number: {
            "source": "Gadgetbridge",
            "device": name if often[name] == 1 and name else f"{name} #{number!r}".strip(),
        }
        for number, name in names.items()
    }
