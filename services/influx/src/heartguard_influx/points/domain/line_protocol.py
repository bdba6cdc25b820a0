r"""InfluxDB line protocol as points.

Source: the line protocol reference of InfluxDB 2. A backslash stands for itself unless a character that can be
escaped follows: comma and space in a measurement, comma, space and equals sign in tags and field names, a quote in
field names too (as InfluxDB 2.7.12 reads them), quote and backslash in a quoted string. A character after a backslash
never ends a name, so `a\\ b` is one name. A quoted string may contain newlines. Empty lines and lines that begin with
`#` are skipped; a line may end in CRLF.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from heartguard_common.messages import PointDocument
from heartguard_influx.fields.domain import Value

PRECISIONS: Mapping[str, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
"""Nanoseconds in one unit of a timestamp."""
EXACT = 2**53
"""Integers up to this size are exact as floats, and all numbers are stored as floats."""
MOST_POINTS, MOST_FIELDS, MOST_TAGS, LONGEST = 10_000, 256, 64, 16_384
"""The limits of a WriteRequest: points, fields and tags of a point, characters of a string."""

_BLANK = re.compile(r"(?:[ \t]*+(?:#[^\n]*+|\r)?+\n)++|[ \t]*+(?:#[^\n]*+|\r)?+\Z")
_SPACE = re.compile(r"[ \t]*")
_HEAD = re.compile(r"(?:[^\\ \r\n]++|\\++[^\\\r\n]?+|\r(?!\n))*+")
_PART = re.compile(r"(?:[^\\,]++|\\++[^\\]?+)*+")
_TAG = re.compile(r"((?:[^\\=]++|\\++[^\\]?+)++)=((?:[^\\=]++|\\++[^\\]?+)++)", re.DOTALL)
_FIELD = re.compile(
    r'((?:[^\\ ,=\r\n]++|\\++[^\\\r\n]?+)++)=(?:"((?:[^"\\]++|\\.)*+)"|([^ ,"\r\n]++))(,(?=[^ \r\n])|(?=[ \r\n])|\Z)',
    re.DOTALL,
)
_TIME = re.compile(r" *(-?[0-9]{1,19})? *\r?(?:\n|\Z)")
# A line that is not line protocol, to its end: in its fields a quoted string, which begins after an equals sign, may
# contain newlines. Otherwise a text that somebody else has chosen could contain the next point.
_REST = re.compile(
    r"""[ \t]*+(?:[^\\ \n]++|\\[^\n]?+)*+(?:[^\\="\n]++|\\[^\n]?+|="(?:[^"\\]++|\\.)*+"|[="])*+(?:\n|\Z)""", re.DOTALL
)
_NO_TEXT = re.compile("[\udc80-\udcff]")
_MEASUREMENT_ESCAPE = re.compile(r"\\([, ])")
_NAME_ESCAPE = re.compile(r"\\([, =])")
_FIELD_ESCAPE = re.compile(r'\\([, ="])')
_STRING_ESCAPE = re.compile(r'\\(["\\])')
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,19}i|[0-9]{1,20}u", re.ASCII)
_BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_Head = tuple[str, dict[str, str]]


class LineError(Exception):
    """A line that is not line protocol: its number, counted from 1, and the reason."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"Line {number}: {reason}")


class _ReasonError(Exception):
    """The reason why the current line is not line protocol."""


class Lines(NamedTuple):
    """The points of a body in the form of a WriteRequest without timestamps, and the time of each, in the same order.

    Times are nanoseconds since the epoch, None for a line without a timestamp.
    """

    points: list[PointDocument]
    times_ns: list[int | None]


def parse(body: bytes, precision: str = "ns") -> Lines:
    """The points of a body whose timestamps have the given precision, a key of `PRECISIONS`.

    Raises LineError for the first line that is not line protocol; lengths and characters are checked by the contract.
    It reads at most one more than MOST_POINTS, MOST_FIELDS and MOST_TAGS: enough for the contract to refuse the body,
    without memory and time for the rest.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise LineError(body.count(b"\n", 0, error.start) + 1, "is not UTF-8") from error
    unit = PRECISIONS[precision]
    heads: dict[str, _Head] = {}
    points: list[PointDocument] = []
    times_ns: list[int | None] = []
    place, number = 0, 1
    while place < len(text) and len(points) <= MOST_POINTS:
        blank = _BLANK.match(text, place)
        begin = place
        if blank is not None:
            place = blank.end()
        else:
            try:
                point, time_ns, place = _point(text, place, heads, unit)
            except _ReasonError as error:
                raise LineError(number, str(error)) from error
            points.append(point)
            times_ns.append(time_ns)
        number += text.count("\n", begin, place)
    return Lines(points, times_ns)


class Dropped(NamedTuple):
    """A line that is not line protocol: its number, counted from 1, and the reason."""

    number: int
    reason: str


class EachLine(NamedTuple):
    """The points of a body, the number of the line with which each begins, and the lines that are none."""

    lines: Lines
    numbers: list[int]
    dropped: list[Dropped]

    def __len__(self) -> int:
        return len(self.numbers) + len(self.dropped)


def parse_each(body: bytes, unit: int) -> EachLine:
    """As `parse`, but a line that is not line protocol does not prevent the others from being read.

    `unit` is the number of nanoseconds in a unit of its timestamps. It reads at most one more than MOST_POINTS lines.
    """
    # A byte that is no UTF-8 becomes a character that no text has, and its line is dropped.
    text = body.decode(errors="surrogateescape")
    heads: dict[str, _Head] = {}
    found = EachLine(Lines([], []), [], [])
    place, number = 0, 1
    while place < len(text) and len(found) <= MOST_POINTS:
        begin, blank = place, _BLANK.match(text, place)
        if blank is not None:
            place = blank.end()
        else:
            try:
                point, time_ns, place = _whole_point(text, begin, heads, unit)
                found.lines.points.append(point)
                found.lines.times_ns.append(time_ns)
                found.numbers.append(number)
            except _ReasonError as error:
                place = _matched(_REST, text, begin).end()
                found.dropped.append(Dropped(number, str(error)))
        number += text.count("\n", begin, place)
    return found


def _whole_point(text: str, begin: int, heads: dict[str, _Head], unit: int) -> tuple[PointDocument, int | None, int]:
    point, time_ns, end = _point(text, begin, heads, unit)
    if len(point["fields"]) > MOST_FIELDS:
        raise _ReasonError(f"there are more than {MOST_FIELDS} fields")
    if _NO_TEXT.search(text, begin, end):
        raise _ReasonError("is not UTF-8")
    return point, time_ns, end


def _point(text: str, place: int, heads: dict[str, _Head], unit: int) -> tuple[PointDocument, int | None, int]:
    head = _matched(_HEAD, text, _matched(_SPACE, text, place).end())
    known = heads.get(head[0])
    if known is None:
        known = heads[head[0]] = _head(head[0])
    fields, place = _fields(text, _matched(_SPACE, text, head.end()).end())
    time = _TIME.match(text, place)
    if time is None:
        raise _ReasonError("what follows the fields is not a timestamp of whole units")
    measurement, tags = known
    point: PointDocument = {"measurement": measurement, "fields": fields}
    if tags:
        point["tags"] = tags
    if time[1] is None:
        return point, None, time.end()
    time_ns = int(time[1]) * unit
    if not -(2**63) <= time_ns < 2**63:
        raise _ReasonError("the timestamp is outside the years that nanoseconds can count")
    return point, time_ns, time.end()


def _head(raw: str) -> _Head:
    first = _matched(_PART, raw, 0)
    measurement = _MEASUREMENT_ESCAPE.sub(r"\1", first[0])
    if not measurement:
        raise _ReasonError("there is no measurement")
    tags: dict[str, str] = {}
    place = first.end()
    while place < len(raw) and len(tags) <= MOST_TAGS:
        part = _matched(_PART, raw, place + 1)
        pair = _TAG.fullmatch(part[0])
        if pair is None:
            raise _ReasonError("a tag must be name=value, both not empty")
        name = _NAME_ESCAPE.sub(r"\1", pair[1])
        if name in tags:
            raise _ReasonError("a tag is given more than once")
        tags[name] = _NAME_ESCAPE.sub(r"\1", pair[2])
        place = part.end()
    return measurement, tags


def _fields(text: str, place: int) -> tuple[dict[str, Value], int]:
    fields: dict[str, Value] = {}
    while True:
        match = _FIELD.match(text, place)
        if match is None:
            raise _ReasonError("a field must be name=value" if fields else "there is no field name=value")
        name = _FIELD_ESCAPE.sub(r"\1", match[1])
        if name in fields:
            raise _ReasonError("a field is given more than once")
        fields[name] = _string(match[2]) if match[3] is None else _scalar(match[3])
        place = match.end()
        if not match[4]:
            return fields, place
        if len(fields) > MOST_FIELDS:
            return fields, len(text)


def _string(raw: str) -> str:
    """A string without its escapes. One that is too long even without them stays as it is: the contract refuses it."""
    return raw if len(raw) > 2 * LONGEST else _STRING_ESCAPE.sub(r"\1", raw)


def _scalar(text: str) -> Value:
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise _ReasonError("a number is too large")
        return value
    if _INTEGER.fullmatch(text):
        whole = int(text[:-1])
        if abs(whole) > EXACT and int(float(whole)) != whole:
            raise _ReasonError("an integer beyond 2^53 can't be kept exactly")
        return whole
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    raise _ReasonError("a value must be a number, a number with i or u, a boolean or a quoted string")


def _matched(pattern: re.Pattern[str], text: str, place: int) -> re.Match[str]:
    """The match of a pattern that also matches the empty string, and so always matches."""
    match = pattern.match(text, place)
    assert match is not None
    return match
