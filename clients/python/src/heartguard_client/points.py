"""Points and the times of points, and how they are written in the documents of the API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from heartguard_client.messages import PointDocument

Time: TypeAlias = datetime | str | int
"""A moment: a `datetime` with a time zone, RFC 3339, or whole nanoseconds since the epoch."""
Value: TypeAlias = float | bool | str
NANOSECONDS = 1_000_000_000
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


@dataclass(frozen=True)
class Point:
    """Values of one series at one instant.

    `tags` identify the series; `user_id` names the person. Times are kept to the nanosecond.
    """

    measurement: str
    time: Time
    fields: Mapping[str, Value]
    tags: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> PointDocument:
        """The point as the API has it. Raises ValueError for a time without a time zone."""
        return {
            "measurement": self.measurement,
            "tags": dict(self.tags),
            "fields": dict(self.fields),
            "timestamp": rfc3339(self.time),
        }


@dataclass(frozen=True)
class Sample:
    """A stored point, or one window of an aggregate: `time` is its start, and `count` its number of points."""

    measurement: str
    time: str
    fields: Mapping[str, Value | None]
    tags: Mapping[str, str]
    count: int | None = None

    @property
    def moment(self) -> datetime:
        """The time to the microsecond."""
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True)
class Rejected:
    """A point that the server does not store, and why."""

    point: PointDocument
    reason: str


def heart_rate(user_id: int, time: Time, bpm: float, **tags: str) -> Point:
    """A heart rate in beats per minute of a person; `tags` such as `device`."""
    return Point("heart_rate", time, {"bpm": bpm}, {"user_id": str(user_id), **tags})


def rfc3339(time: Time) -> str:
    """The time in RFC 3339, in UTC unless it was given so. Raises ValueError when it isn't one moment."""
    if isinstance(time, str):
        if not _RFC3339.fullmatch(time):
            raise ValueError(f"{time!r} is not a time of RFC 3339, such as 2024-06-01T10:00:00Z")
        return time
    if isinstance(time, int):
        seconds, rest = divmod(time, NANOSECONDS)
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{whole}.{rest:09d}Z" if rest else f"{whole}Z"
    if time.tzinfo is None:
        raise ValueError(
            f"{time.isoformat()} has no time zone, so it names no moment: use datetime.now(UTC), for example"
        )
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
