"""Points, which of them are rejected, and the verdict on each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from heartguard_common.core.clock import NANOSECONDS, parse_rfc3339
from heartguard_common.messages import PointDocument
from heartguard_influx.buckets.domain import Bucket
from heartguard_influx.fields.domain import TYPE_BY_CLASS, FieldKey, FieldType, Value, field_type
from heartguard_influx.measurements.domain import KNOWN, NUMBERS, implausible
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS, PERSON_TAG, Tags

Status = Literal["stored", "created", "duplicate", "updated"]
"""What a store did with a point; `stored` where it can't distinguish the others."""
FUTURE_NS = 300 * NANOSECONDS


class Point(NamedTuple):
    """Values of one series at one instant; `tags` are sorted, `time_ns` counts from 1970-01-01T00:00:00Z."""

    measurement: str
    tags: Tags
    fields: Mapping[str, Value]
    time_ns: int


class Sender(NamedTuple):
    """The member who sends a batch; its values are counted as theirs and their organization's."""

    org_id: int
    user_id: int


class Verdict(NamedTuple):
    """The result of writing one point: `rejected` with a reason, or what the store did with it."""

    status: Status | Literal["rejected"]
    reason: str | None = None


def flagged(point: Point, verdict: Verdict) -> Verdict:
    """The verdict, with a reason where a stored value is out of its plausible range."""
    reason = None if verdict.reason else implausible(point.measurement, point.fields)
    return verdict if reason is None else Verdict(verdict.status, reason)


def times_of(documents: Iterable[PointDocument]) -> list[int | None]:
    """The time of each point of a WriteRequest in nanoseconds, None where it has none. Raises ValueError."""
    return [parse_rfc3339(document["timestamp"]) if "timestamp" in document else None for document in documents]


def read_points(documents: Iterable[PointDocument], times_ns: Iterable[int], person: str | None) -> list[Point]:
    """The points of a WriteRequest at their times, in nanoseconds since the epoch; all their numbers become floats.

    `person` is the id of a member who may write only their own points; a point without the tag `user_id` gets it.
    """
    points = []
    # Nearly all points of a batch are of the series of the one before.
    seen: Mapping[str, str] | None = None
    tags: Tags = ()
    for document, time_ns in zip(documents, times_ns, strict=True):
        given = document.get("tags") or {}
        if given != seen:
            seen, tags = given, _tags(given, person)
        fields = {name: float(value) if type(value) is int else value for name, value in document["fields"].items()}
        points.append(Point(document["measurement"], tags, fields, time_ns))
    return points


def _tags(given: Mapping[str, str], person: str | None) -> Tags:
    own = {} if person is None or PERSON_TAG in given else {PERSON_TAG: person}
    return tuple(sorted([*given.items(), *own.items()]))


class Rules:
    """The rules for points that don't depend on what is stored."""

    def __init__(self, bucket: Bucket, now_ns: int, person: str | None) -> None:
        self._latest = min(now_ns + FUTURE_NS, LATEST_NS)
        self._oldest = bucket.oldest_ns(now_ns)
        self._rejects_unknown = bucket.rejects_unknown
        self._person = person

    def rejection(self, point: Point) -> str | None:
        """Why a point is rejected, or None."""
        if self._person is not None and (PERSON_TAG, self._person) not in point.tags:
            return "the tag user_id names somebody else"
        if not EARLIEST_NS <= point.time_ns <= LATEST_NS:
            return "the timestamp is outside the years that nanoseconds can count"
        if point.time_ns > self._latest:
            return "the timestamp is more than 5 minutes in the future"
        if self._oldest is not None and point.time_ns < self._oldest:
            return "the timestamp is older than the bucket keeps points"
        if self._rejects_unknown and point.measurement not in KNOWN:
            return "the measurement is not in the catalogue"
        return None


def judge_types(
    points: Sequence[Point | None], known: Mapping[FieldKey, FieldType]
) -> tuple[dict[int, str], dict[FieldKey, FieldType]]:
    """The points that conflict with the type of a field, as place and reason, and the types of new fields.

    Fields of the measurement catalogue are floats; the type of any other is that of the first value that is stored.
    None stands for a point that was rejected before.
    """
    kinds = {
        (point.measurement, name, value.__class__)
        for point in points
        if point is not None
        for name, value in point.fields.items()
    }
    wanted = {(measurement, name): TYPE_BY_CLASS[kind] for measurement, name, kind in kinds}
    settled: dict[FieldKey, FieldType] = {**known, **dict.fromkeys(NUMBERS & wanted.keys(), "float")}
    if len(wanted) == len(kinds) and all(settled.get(key, its_type) == its_type for key, its_type in wanted.items()):
        return {}, {key: its_type for key, its_type in wanted.items() if key not in known}
    rejections, stored = _judge_one_by_one(points, settled)
    return rejections, {key: its_type for key, its_type in stored.items() if key not in known}


def _judge_one_by_one(
    points: Sequence[Point | None], settled: Mapping[FieldKey, FieldType]
) -> tuple[dict[int, str], dict[FieldKey, FieldType]]:
    """The conflicts, and the types of the fields of all points without a conflict."""
    rejections: dict[int, str] = {}
    stored: dict[FieldKey, FieldType] = {}
    for place, point in enumerate(points):
        if point is None:
            continue
        wanted = {(point.measurement, name): field_type(value) for name, value in point.fields.items()}
        types = {key: settled.get(key) or stored.get(key, its_type) for key, its_type in wanted.items()}
        conflicts = [key for key, its_type in wanted.items() if types[key] != its_type]
        if conflicts:
            rejections[place] = f"the field {conflicts[0][1]} is of type {types[conflicts[0]]}"
        else:
            stored.update(wanted)
    return rejections, stored
