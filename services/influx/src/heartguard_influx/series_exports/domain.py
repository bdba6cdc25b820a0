"""What an export of series is asked for, and one value of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple, Self

from heartguard_common.messages import SeriesExportFormat
from heartguard_influx.fields.domain import Value
from heartguard_influx.series.domain import PERSON_TAG, Tags


@dataclass(frozen=True)
class Wanted:
    """The points to export: of `about`, or of the organization where that is None, in `[start_ns, stop_ns)`.

    `measurement` None stands for all. `made` is the id of the file once it is there.
    """

    bucket: str
    measurement: str | None
    about: int | None
    start_ns: int
    stop_ns: int
    format: SeriesExportFormat
    made: str | None = None

    def encode(self) -> str:
        """As JSON, the form in which a job keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str | None) -> Self:
        """What `encode` has made."""
        return cls(**json.loads(text or ""))

    def done(self, file: str) -> Self:
        """The same with the id of its file."""
        return replace(self, made=file)


class Cell(NamedTuple):
    """One field of one point. `person` is the tag `user_id`, `tags` are the others; `time_ns` counts from 1970."""

    time_ns: int
    measurement: str
    person: str | None
    tags: Tags
    field: str
    value: Value


COLUMNS = ("time", "measurement", "user_id", "tags", "field", "value", "text")
"""The columns of a file: a number stands in `value`, a string or boolean in `text`; `tags` is JSON."""


class TooLargeError(Exception):
    """A file would have more bytes than one may have."""


def cells_of(measurement: str, time_ns: int, tags: Mapping[str, str], values: Mapping[str, object]) -> Iterator[Cell]:
    """The fields of a point that have a value."""
    person = tags.get(PERSON_TAG)
    others = tuple((name, value) for name, value in tags.items() if name != PERSON_TAG)
    for name, value in values.items():
        if isinstance(value, float | bool | str):
            yield Cell(time_ns, measurement, person, others, name, value)


def limited(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The blocks. Raises `TooLargeError` where they have more than `most` bytes together."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > most:
            raise TooLargeError
        yield block
