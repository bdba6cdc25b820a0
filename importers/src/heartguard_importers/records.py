"""What a parser takes and gives: options, records, and the report of what was left out and why."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from heartguard_importers.measurements import Measurement

EARLIEST = 31_536_000 * 10**9
"""The first instant of 1971. A clock that was never set says 1970, or a time before."""
LATEST = 4_102_444_800 * 10**9
"""The first instant of 2100."""
MOST_EXAMPLES = 5
MOST_NAMES = 200


def plain(text: str) -> str:
    """A text of a file for a tag or a message: one line of printable characters, 200 at most."""
    return "".join(letter for letter in " ".join(text[:1_000].split()) if letter.isprintable())[:200]


class Record(NamedTuple):
    """One value of one measurement: `time` in ns since 1970-01-01T00:00:00Z, `fields` in the measurement's unit."""

    measurement: str
    fields: Mapping[str, float]
    time: int
    tags: Mapping[str, str]


class Reason(StrEnum):
    """Why a value that belongs to a known measurement gave no record."""

    NO_VALUE = "no_value"
    """The device said that it had none: empty, or the number that its format has for that."""
    NOT_A_NUMBER = "not_a_number"
    UNIT = "unit"
    """A unit that can't be converted to that of the measurement."""
    TIME = "time"
    """The time is missing, or not written as the format demands."""
    TIME_RANGE = "time_range"
    """Before 1971 or after 2099: the device's clock was not set."""
    TIME_SKIPPED = "time_skipped"
    """A local time that the time zone skips when daylight saving time begins."""
    NOT_WORN = "not_worn"
    """The device says that it was not in contact with the skin, or has no confidence in the value."""
    DAMAGED = "damaged"
    """A damaged part of the file; what was before it is read."""


class InvalidFileError(Exception):
    """The file can't be read, or from `place` on no further; what was yielded before is valid."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


class LimitError(InvalidFileError):
    """The file would cost more than the limits allow, so nothing more of it is read."""


@dataclass(frozen=True)
class Limits:
    """What one file may cost. The memory that a parser needs does not depend on the size of the file."""

    file_bytes: int = 2 * 1024**3
    unpacked_bytes: int = 16 * 1024**3
    """Of all members of an archive together."""
    ratio: int = 200
    """How many times its packed size a member may have once it is larger than `ratio_from_bytes`."""
    ratio_from_bytes: int = 64 * 1024**2
    members: int = 100_000


@dataclass(frozen=True)
class CsvMapping:
    """Which column of a CSV file is what.

    `values` maps columns to names of measurements, `tags` columns to names of tags. `time_format` is `auto` (ISO 8601,
    or a number since 1970 whose unit follows from its size), `s`, `ms`, `us`, `ns`, or a pattern of `strptime`.
    `delimiter` is found in the header where it is None.
    """

    time: str
    values: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    time_format: str = "auto"
    delimiter: str | None = None


@dataclass(frozen=True)
class Options:
    """What the caller knows and the file does not say.

    `time_zone` is where the person was, for formats that write local times; without it such a file is refused. `name`
    is the name of the file for messages, if its path has another. `start` has an offset: when a recording begins that
    says no date.
    """

    time_zone: ZoneInfo | None = None
    csv: CsvMapping | None = None
    name: str | None = None
    start: datetime | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Raises ValueError for a start without an offset."""
        if self.start is not None and self.start.tzinfo is None:
            raise ValueError("the start of a recording needs an offset")


class Rejection(NamedTuple):
    """One value that gave no record, and where in the file it is."""

    reason: Reason
    place: str


class Report:
    """Counts what was read; of rejections it keeps the first of each reason with their places."""

    def __init__(self) -> None:
        self.yielded = 0
        self.rejected: Counter[Reason] = Counter()
        self.examples: list[Rejection] = []
        self.skipped: Counter[str] = Counter()
        self.progress = 0.0
        """How much of the file is read, 0 to 1; of a database nothing is known until its end."""
        self.part = (0.0, 1.0)
        """From where to where `progress` goes with the member of an archive that is being read."""
        self.place: Callable[[], str] = str
        """Says where the parser is; set by the parser."""

    @property
    def seen(self) -> int:
        """How many values of known measurements the file had so far."""
        return self.yielded + self.rejected.total()

    def advance(self, fraction: float) -> None:
        """So much of the file or member is read."""
        begin, end = self.part
        self.progress = begin + (end - begin) * min(1.0, fraction)

    def reject(self, reason: Reason, place: str | None = None) -> None:
        """Count a value that gives no record, at `place` or where the parser is."""
        self.rejected[reason] += 1
        if self.rejected[reason] <= MOST_EXAMPLES:
            self.examples.append(Rejection(reason, self.place() if place is None else place))

    def skip(self, what: str) -> None:
        """Count data that HeartGuard has no measurement for."""
        if what not in self.skipped:
            what = plain(what) if len(self.skipped) < MOST_NAMES else "other"
        self.skipped[what] += 1

    def accept(
        self, measurement: Measurement, value: object, time: int | None, tags: Mapping[str, str]
    ) -> Record | None:
        """The record of a value in the unit of its measurement, or None where it was rejected.

        A missing value, 0, or less is what formats write where nothing was measured, except for steps.
        """
        if value is None or value == "":
            self.reject(Reason.NO_VALUE)
            return None
        try:
            number = float(value)  # type: ignore[arg-type]  # whatever else there is, is refused here
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            self.reject(Reason.NOT_A_NUMBER)
        elif number < 0 or number == measurement.no_value or (number == 0 and not measurement.may_be_zero):
            self.reject(Reason.NO_VALUE)
        elif time is None:
            self.reject(Reason.TIME)
        elif not EARLIEST <= time < LATEST:
            self.reject(Reason.TIME_RANGE)
        else:
            return Record(measurement.name, {measurement.field: number}, time, tags)
        return None
