"""Reads a file for a test."""

from pathlib import Path

from heartguard_importers import AUTO, Options, Reading, Record, Report


def read(file: Path | bytes, tmp_path: Path, kind: str = AUTO, *, name: str = "file", options: Options | None = None):
    """The records of a file, its report, and its kind."""
    path = file
    if isinstance(file, bytes):
        path = tmp_path / name
        path.write_bytes(file)
    reading = Reading(path, kind, options)
    records: list[Record] = list(reading)
    report: Report = reading.report
    return records, report, reading.kind


def shown(records: list[Record]) -> list[tuple[str, float, int]]:
    """Measurement, value and time of each record."""
    return [(record.measurement, *record.fields.values(), record.time) for record in records]
