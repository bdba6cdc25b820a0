"""A verdict for each point of a batch, from a server that only tells that some points of a batch were refused.

Sending a stored point again changes nothing, so a refused batch is sent in parts until each refused line is alone. The
message of a conflict names measurement, field and type, by which its lines are usually found at once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from heartguard_influx.fields.domain import Value
from heartguard_influx.points.domain.point import Point, Verdict
from heartguard_influx.series.domain import Tags
from heartguard_influx.store.influxdb.lines import encode

_STORED = Verdict("stored")
_DROPPED = re.compile(r"dropped=([0-9]{1,9})\b", re.ASCII)
_CONFLICT = re.compile(
    r'input field "(?P<field>.*)" on measurement "(?P<measurement>.*)" is type (?P<type>[a-z]+), '
    r"already exists as type (?P<stored>[a-z]+) dropped=",
    re.DOTALL,
)
_TYPE_NAMES: Mapping[type, str] = {float: "float", bool: "boolean", str: "string", int: "integer"}


@dataclass(frozen=True)
class Outcome:
    """A server's refusal of a whole batch or of part of it, with the server's message."""

    message: str

    @property
    def dropped(self) -> int | None:
        """How many lines were refused while the others were stored; None if the message doesn't tell."""
        found = _DROPPED.findall(self.message)
        return int(found[-1]) if found else None


_time = attrgetter("time_ns")
_Instant = tuple[str, Tags, int]
"""A series, as measurement and tags, and a time."""
Deliver = Callable[[Sequence[str]], Outcome | None]
"""Sends lines; returns the refusal, None when everything is stored."""


@dataclass(frozen=True)
class _Line:
    """A line and its point, which may be merged from several submitted ones."""

    text: str
    point: Point


def send(points: Sequence[Point], deliver: Deliver) -> list[Verdict]:
    """Send a batch; `stored` or `rejected` for each point, in order."""
    verdicts = [_STORED] * len(points)
    unique = _unique(points)
    texts = encode(unique)
    outcome = deliver(texts)
    if outcome is None:
        return verdicts
    lines = [_Line(text, point) for text, point in zip(texts, unique, strict=True)]
    refused: list[tuple[_Line, str]] = []
    _find_refused(lines, outcome, deliver, refused)
    instants = _instants(points) if refused else {}
    again: set[int] = set()
    for line, reason in refused:
        submitted = instants[_instant(line.point)]
        if len(submitted) > 1:
            again.update(submitted)
        else:
            verdicts[submitted[0]] = Verdict("rejected", reason)
    # Of several points at one instant maybe only some are invalid: each is sent alone, in order, so that the last wins.
    for place in sorted(again):
        outcome = deliver(encode([points[place]]))
        verdicts[place] = _STORED if outcome is None else Verdict("rejected", _reason(outcome))
    return verdicts


def _instant(point: Point) -> _Instant:
    return point.measurement, point.tags, point.time_ns


def _instants(points: Sequence[Point]) -> Mapping[_Instant, Sequence[int]]:
    found: dict[_Instant, list[int]] = {}
    for place, point in enumerate(points):
        found.setdefault(_instant(point), []).append(place)
    return found


def _unique(points: Sequence[Point]) -> Sequence[Point]:
    """One point for each series and instant, in order of time; later values replace earlier ones.

    A value of another type than the one it would replace starts a separate point: the server refuses one of the two,
    and it can refuse only what is sent.
    """
    if len({(point.time_ns, point.tags, point.measurement) for point in points}) == len(points):
        return sorted(points, key=_time)
    merged: dict[_Instant, list[dict[str, Value]]] = {}
    for point in points:
        found = merged.setdefault(_instant(point), [])
        fields = next((line for line in found if _agree(line, point.fields)), None)
        if fields is None:
            found.append(dict(point.fields))
        else:
            fields.update(point.fields)
    ordered = sorted(merged.items(), key=lambda item: item[0][2])
    return [Point(*key[:2], fields, key[2]) for key, found in ordered for fields in found]


def _agree(line: Mapping[str, Value], fields: Mapping[str, Value]) -> bool:
    return all(type(line[name]) is type(value) for name, value in fields.items() if name in line)


def _find_refused(lines: Sequence[_Line], outcome: Outcome, deliver: Deliver, refused: list[tuple[_Line, str]]) -> None:
    """Add to `refused` those lines that the server refuses, with the reason; it has refused some of `lines`."""
    if len(lines) == 1 or outcome.dropped == len(lines):
        refused += [(line, _reason(outcome)) for line in lines]
        return
    for part in _split(lines, outcome):
        refusal = deliver([line.text for line in part])
        if refusal is not None:
            _find_refused(part, refusal, deliver, refused)


def _split(lines: Sequence[_Line], outcome: Outcome) -> tuple[Sequence[_Line], Sequence[_Line]]:
    conflict = _CONFLICT.search(outcome.message)
    if conflict is not None:
        suspects = [line for line in lines if _in_conflict(line.point, conflict)]
        if 0 < len(suspects) < len(lines):
            return suspects, [line for line in lines if not _in_conflict(line.point, conflict)]
    middle = len(lines) // 2
    return lines[:middle], lines[middle:]


def _in_conflict(point: Point, conflict: re.Match[str]) -> bool:
    value = point.fields.get(conflict["field"])
    return point.measurement == conflict["measurement"] and _TYPE_NAMES.get(type(value)) == conflict["type"]


def _reason(outcome: Outcome) -> str:
    """Why a line was refused, without its values."""
    conflict = _CONFLICT.search(outcome.message)
    if conflict is not None:
        return f"the field {conflict['field']} is of type {conflict['stored']} in InfluxDB"
    if "outside retention policy" in outcome.message:
        return "the timestamp is older than the bucket keeps points"
    return "InfluxDB refused the point"
