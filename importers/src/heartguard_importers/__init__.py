"""Parsers of the files that devices and health apps export. `Reading` is where to begin."""

from heartguard_importers.reading import AUTO, KINDS, UPLOADED_KINDS, Reading
from heartguard_importers.records import (
    CsvMapping,
    InvalidFileError,
    Limits,
    Options,
    Reason,
    Record,
    Rejection,
    Report,
)

__all__ = [
    "AUTO",
    "KINDS",
    "UPLOADED_KINDS",
    "CsvMapping",
    "InvalidFileError",
    "Limits",
    "Options",
    "Reading",
    "Reason",
    "Record",
    "Rejection",
    "Report",
]
