"""Points as InfluxDB line protocol.

Source: the line protocol reference of InfluxDB 2 and what a server 2.7.12 answered (tests/fakes/influxdb). A
backslash stands for itself there unless a character to be escaped follows, and a line ends at a newline that is not
inside a quoted string, so some names can't be written at all: `rejection` finds them.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from heartguard_common.core.clock import parse_rfc3339
from heartguard_influx.fields.domain import Value
from heartguard_influx.points.domain.point import Point
from heartguard_influx.series.domain import Tags

# Windows that reach beyond the range of int64 nanoseconds make the server's answer endless or the server hang, and
# points before 1677-09-27 are lost in a restart: some months are left free at both ends.
EARLIEST_KEPT_NS = parse_rfc3339("1678-01-01T00:00:00Z")
LATEST_KEPT_NS = parse_rfc3339("2262-01-01T00:00:00Z")
_LONGEST_KEY = 65_535
_KEY_SEPARATOR = len("#!~#")  # between the series and the field, in the server's files
_LONGEST_FIELD = 1024  # bytes: more than the escaped name of a field that the contract allows
RESERVED = frozenset({"time", "_field", "_measurement", "_time", "_value", "_start", "_stop"})
_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_NAME = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
# To the server a quote in a field's name is the same with and without a backslash before it: it is always escaped.
_FIELD = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", '"': r"\""})
_STRING = str.maketrans({'"': r"\"", "\\": r"\\"})
# The server finds the end of a line by skipping the character after a backslash, and the end of a name by looking back
# for a backslash: before a mark, or at the end of a name, the two disagree.
_NOT_WRITABLE = re.compile(r"[\x00-\x1f\x7f]|\\(?:[ ,=]|\Z)")
# The server acknowledges a measurement with a backslash before a quote or an equals sign, and no query returns it.
_NOT_READABLE = re.compile(r'\\["=]')
_TYPES: Mapping[str, type] = {"double": float, "long": int, "boolean": bool, "string": str}
_CHANGED_IN_STRINGS = re.compile(r"[\r\x00]")


def rejection(point: Point) -> str | None:
    """Why InfluxDB can't keep a point exactly as it is, or None."""
    if not EARLIEST_KEPT_NS <= point.time_ns < LATEST_KEPT_NS:
        return "InfluxDB keeps points of the years 1678 to 2261"
    reason = _series_rejection(point.measurement, point.tags)
    if reason is not None:
        return reason
    room = _LONGEST_KEY - _KEY_SEPARATOR - _head_bytes(point.measurement, point.tags)
    for name, value in point.fields.items():
        if _field_rejection(name):
            return "InfluxDB can't keep a field of this name"
        if room < _LONGEST_FIELD and len(name.translate(_FIELD).encode()) > room:
            return f"measurement, tags and field together are longer than the {_LONGEST_KEY} bytes that InfluxDB keeps"
        if type(value) is str and _CHANGED_IN_STRINGS.search(value):
            return "InfluxDB can't keep a carriage return or NUL in a string"
    return None


# A batch has few series and fewer fields.
@lru_cache(maxsize=4096)
def _series_rejection(measurement: str, tags: Tags) -> str | None:
    if measurement.startswith("#") or _NOT_WRITABLE.search(measurement) or _NOT_READABLE.search(measurement):
        return "InfluxDB can't keep a measurement of this name"
    if any(name in RESERVED or _NOT_WRITABLE.search(name) or _NOT_WRITABLE.search(text) for name, text in tags):
        return "InfluxDB can't keep a tag of this name or value"
    return None


@lru_cache(maxsize=4096)
def _head_bytes(measurement: str, tags: Tags) -> int:
    return len(head(measurement, tags).encode())


@lru_cache(maxsize=4096)
def _field_rejection(name: str) -> bool:
    return name in RESERVED or _NOT_WRITABLE.search(name) is not None


def encode(points: Iterable[Point]) -> list[str]:
    """One line for each point, which `rejection` must have accepted; times are nanoseconds."""
    heads: dict[tuple[str, Tags], str] = {}
    names: dict[str, str] = {}
    lines = []
    for point in points:
        series = (point.measurement, point.tags)
        known = heads.get(series)
        if known is None:
            known = heads[series] = head(*series)
        lines.append(f"{known} {_fields(point.fields, names)} {point.time_ns}")
    return lines


def head(measurement: str, tags: Tags) -> str:
    """The beginning of each line of a series: measurement and tags."""
    pairs = [f"{name.translate(_NAME)}={text.translate(_NAME)}" for name, text in tags]
    return ",".join([measurement.translate(_MEASUREMENT), *pairs])


def _fields(fields: Mapping[str, Value], names: dict[str, str]) -> str:
    pairs = []
    for name, value in fields.items():
        escaped = names.get(name)
        if escaped is None:
            escaped = names[name] = name.translate(_FIELD)
        pairs.append(f"{escaped}={_value(value)}")
    return ",".join(pairs)


def field_name(name: str) -> str:
    """The name of a field as part of a line."""
    return name.translate(_FIELD)


def text_of(type_: str, value: Value) -> str:
    """A value as part of a line, of the type that an annotation names. Raises ValueError for another type."""
    if type_ == "unsignedLong" and type(value) is int:
        return f"{value}u"
    if type(value) is not _TYPES.get(type_):
        raise ValueError(f"{type_} is not the type of this value")
    return _value(value)


def _value(value: Value) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    return f'"{value.translate(_STRING)}"'
