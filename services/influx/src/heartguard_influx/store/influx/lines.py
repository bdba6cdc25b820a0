"""Points as InfluxDB line protocol.

Source: the line protocol reference of InfluxDB 2 and what a server 2.7.12 answered (tests/fakes/influxdb). A
backslash stands for itself there unless a character to be escaped follows, and a line ends at a newline that is not
inside a quoted string, so some names can't be said at all: `unkeepable` knows them.
"""

import re
from collections.abc import Iterable, Mapping

from heartguard_influx.domain.point import Point, Tags, Value

LATEST_NS = 2**63 - 2
RESERVED = frozenset({"time", "_field", "_measurement", "_time", "_value", "_start", "_stop"})
_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_NAME = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_STRING = str.maketrans({'"': r"\"", "\\": r"\\"})
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f]|\\\Z")
_LOST = re.compile(r"[\r\x00]")


def unkeepable(point: Point) -> str | None:
    """Why InfluxDB can't keep a point exactly as it is, or None."""
    unsayable = _UNSAYABLE.search
    if point.time_ns > LATEST_NS:
        return "the timestamp is later than InfluxDB can count"
    if point.measurement.startswith("#") or unsayable(point.measurement):
        return "InfluxDB can't keep a measurement of this name"
    if any(name in RESERVED or unsayable(name) or unsayable(text) for name, text in point.tags):
        return "InfluxDB can't keep a tag of this name or value"
    if any(name in RESERVED or unsayable(name) for name in point.fields):
        return "InfluxDB can't keep a field of this name"
    if any(isinstance(value, str) and _LOST.search(value) for value in point.fields.values()):
        return "InfluxDB can't keep a carriage return or NUL in a string"
    return None


def encode(points: Iterable[Point]) -> list[str]:
    """One line for each point that `unkeepable` has nothing against; times are nanoseconds."""
    heads: dict[tuple[str, Tags], str] = {}
    names: dict[str, str] = {}
    lines = []
    for point in points:
        series = (point.measurement, point.tags)
        head = heads.get(series)
        if head is None:
            head = heads[series] = _head(*series)
        lines.append(f"{head} {_fields(point.fields, names)} {point.time_ns}")
    return lines


def _head(measurement: str, tags: Tags) -> str:
    pairs = [f"{name.translate(_NAME)}={text.translate(_NAME)}" for name, text in tags]
    return ",".join([measurement.translate(_MEASUREMENT), *pairs])


def _fields(fields: Mapping[str, Value], names: dict[str, str]) -> str:
    pairs = []
    for name, value in fields.items():
        escaped = names.get(name)
        if escaped is None:
            escaped = names[name] = name.translate(_NAME)
        pairs.append(f"{escaped}={_value(value)}")
    return ",".join(pairs)


def _value(value: Value) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    return f'"{value.translate(_STRING)}"'
