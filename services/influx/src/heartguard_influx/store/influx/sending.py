"""A verdict for each point of a batch, from a server that only says of a batch that some of it was refused.

What is stored once may be sent again, so a refused batch is sent in parts until each refused line is alone. The
message of a conflict names measurement, field and type, which finds its lines at once in the usual case.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heartguard_influx.domain.point import Point, Tags, Value, Verdict
from heartguard_influx.store.influx.lines import encode

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
    """A server's refusal of a whole batch or of part of it, in its words."""

    message: str

    @property
    def dropped(self) -> int | None:
        """How many lines were refused, the others being stored; None where it doesn't say."""
        found = _DROPPED.findall(self.message)
        return int(found[-1]) if found else None


Deliver = Callable[[Sequence[str]], Outcome | None]
"""Sends lines; returns what was refused, None when everything is stored."""


@dataclass(frozen=True)
class _Line:
    """A line, the point it says, and the places of the submitted points it was made of."""

    text: str
    point: Point
    places: tuple[int, ...]


def send(points: Sequence[Point], deliver: Deliver) -> list[Verdict]:
    """Send a batch; `stored` or `rejected` for each point, in order."""
    verdicts = [_STORED] * len(points)
    refused: list[tuple[_Line, str]] = []
    _part(_lines(points), deliver, refused)
    for line, reason in refused:
        for place in line.places:
            verdicts[place] = Verdict("rejected", reason)
        if len(line.places) > 1:
            # The values of several points had become one line; only some of them need be at fault.
            for place in line.places:
                outcome = deliver(encode([points[place]]))
                verdicts[place] = _STORED if outcome is None else Verdict("rejected", _reason(outcome))
    return verdicts


def _lines(points: Sequence[Point]) -> list[_Line]:
    """One line for each series and instant, its later values winning, in order of time."""
    merged: dict[tuple[str, Tags, int], tuple[dict[str, Value], list[int]]] = {}
    for place, point in enumerate(points):
        fields, places = merged.setdefault((point.measurement, point.tags, point.time_ns), ({}, []))
        fields.update(point.fields)
        places.append(place)
    ordered = sorted(merged.items(), key=lambda item: item[0][2])
    unique = [Point(*key[:2], fields, key[2]) for key, (fields, _) in ordered]
    return [
        _Line(text, point, tuple(places))
        for text, point, (_, (_, places)) in zip(encode(unique), unique, ordered, strict=True)
    ]


def _part(lines: Sequence[_Line], deliver: Deliver, refused: list[tuple[_Line, str]]) -> None:
    outcome = deliver([line.text for line in lines])
    if outcome is None:
        return
    if len(lines) == 1 or outcome.dropped == len(lines):
        refused += [(line, _reason(outcome)) for line in lines]
        return
    for part in _split(lines, outcome):
        _part(part, deliver, refused)


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
