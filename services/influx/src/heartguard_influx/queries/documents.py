"""The result of a query as a document, as the blocks of a document, and as rows of a file."""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import NotRequired, TypedDict, cast

from heartguard_common.contract.json_documents import dump_json
from heartguard_common.core.clock import NANOSECONDS, rfc3339
from heartguard_common.http import tables
from heartguard_common.http.routing import Encode
from heartguard_common.messages import (
    Aggregate,
    LatestPointDocument,
    QueryRequest,
    QueryResult,
    ResultPointDocument,
    SeriesDocument,
)
from heartguard_influx.measurements.domain import out_of_range, plausible_range
from heartguard_influx.queries.domain.query import ResultRow
from heartguard_influx.queries.usecases.querying import Found, Latest
from heartguard_influx.series.domain import Group

# The marks at which the encoded bytes are split; texts and names can't contain them, because both formats escape them.
_JSON_MARKS = (b'"series":[', b'"points":[', b"]}]", b",")
_XML_MARKS = (b"<series>", b"<points>", b"</points></item></series>", b"")
_NUMBERS = frozenset({float, int})  # not bool, which is an int too


class Echo(TypedDict):
    """The members of a QueryRequest that its QueryResult repeats."""

    measurement: str
    aggregate: NotRequired[Aggregate]
    every: NotRequired[str]


def echo_of(asked: QueryRequest) -> Echo:
    """The members of a request that the answer repeats."""
    echo: Echo = {"measurement": asked["measurement"]}
    if "aggregate" in asked:
        echo["aggregate"] = asked["aggregate"]
    if "every" in asked:
        echo["every"] = asked["every"]
    return echo


def document_blocks(
    echo: Echo,
    groups: Sequence[Group],
    pages: Iterable[Sequence[ResultRow]],
    encode: Encode[QueryResult],
    position: str | None = None,
) -> Iterator[bytes]:
    """The bytes of a QueryResult, page by page. Each page is of one group; pages are in the order of the groups.

    Each page is encoded as a document of its own and inserted into the whole, so that no second encoder is needed.
    `position` is the cursor of the next QueryResult.
    """
    group, closing, rest = -1, b"", b""

    def encoded(rows: Sequence[ResultRow]) -> bytes:
        points = [_point(echo["measurement"], row) for row in rows]
        return encode({**echo, "series": [_series(groups[rows[0].group], points)], "next_cursor": position})

    for rows in pages:
        first = encoded(rows[:1])
        is_json = first.startswith(b"{")
        plain = plain_points(echo["measurement"], rows) if is_json else None
        bytes_ = first if plain or len(rows) == 1 else encoded(rows)
        to_series, to_points, end, between = _JSON_MARKS if is_json else _XML_MARKS
        head, body = _split(bytes_, to_points)
        body, end_of_document = body[: body.rindex(end)], body[body.rindex(end) :]
        body = plain or body
        prologue, series = _split(head, to_series)
        # The end of a document begins with the end of a list of points and of a series.
        closing_series = end[: -len(b"]")] if between else end[: -len(b"</series>")]
        if group < 0:
            yield prologue + series + body
        elif rows[0].group != group:
            yield closing + between + series + body
        else:
            yield between + body
        group, closing, rest = rows[0].group, closing_series, end_of_document
    yield rest if group >= 0 else encode({**echo, "series": [], "next_cursor": position})


def plain_points(measurement: str, rows: Sequence[ResultRow]) -> bytes | None:
    """The points of a page in JSON, as the encoder writes them, where all have the same field with a plausible number.

    Windows need no plausible number, since no answer marks theirs. None for all other pages. Most pages are such, and
    this takes a quarter of the time of documents and encoder.
    """
    if len(rows[0].values) != 1:
        return None
    (name,) = rows[0].values
    numbers = [row.values.get(name) if len(row.values) == 1 else None for row in rows]
    if not all(number.__class__ in _NUMBERS for number in numbers):
        return None
    values = cast("list[float]", numbers)
    if not isfinite(sum(values)):
        return None
    middle = f'","fields":{{{dump_json(name).decode()}:'
    counts = [row.points for row in rows]
    if None not in counts:
        points = [
            f'{{"time":"{rfc3339(row.time_ns)}{middle}{value!r}}},"count":{count}}}'
            for row, value, count in zip(rows, values, counts, strict=True)
        ]
        return ",".join(points).encode()
    smallest, largest = plausible_range(measurement, name)
    if counts.count(None) < len(rows) or min(values) < smallest or max(values) > largest:
        return None
    return ",".join(
        [f'{{"time":"{rfc3339(row.time_ns)}{middle}{value!r}}}}}' for row, value in zip(rows, values, strict=True)]
    ).encode()


def lines(found: Found, measurement: str, pages: Iterable[Sequence[ResultRow]]) -> tables.Blocks:
    """The points as documents of their own, with the tags of their series."""
    tags = [dict(group.tags) for group in found.groups]
    for rows in pages:
        yield [{"tags": tags[row.group], **_point(measurement, row)} for row in rows]


def columns(found: Found, last: str) -> tuple[str, ...]:
    """The columns of a table of points: time, every tag, every field, and `last`."""
    tags = sorted({name for group in found.groups for name, _ in group.tags})
    return ("time", *(f"tags.{name}" for name in tags), *(f"fields.{field.name}" for field in found.fields), last)


def cells(found: Found, measurement: str, pages: Iterable[Sequence[ResultRow]]) -> tables.Blocks:
    """The points as rows of that table, by the names of its columns."""
    tags = [{f"tags.{name}": value for name, value in group.tags} for group in found.groups]
    for rows in pages:
        block: list[dict[str, object]] = []
        for row in rows:
            point = _point(measurement, row)
            fields = {f"fields.{name}": value for name, value in row.values.items()}
            others = {name: value for name, value in point.items() if name != "fields"}
            block.append({**tags[row.group], **fields, **others})
        yield block


def latest_point(found: Latest, now_ns: int) -> LatestPointDocument:
    """A point of a LatestResult with its age at `now_ns`."""
    point: LatestPointDocument = {
        "measurement": found.measurement,
        "tags": dict(found.tags),
        "fields": {name: value for name, value in found.row.values.items() if value is not None},
        "time": rfc3339(found.row.time_ns),
        # The clock of a device may be a little ahead.
        "age_seconds": max(0.0, (now_ns - found.row.time_ns) / NANOSECONDS),
    }
    if names := out_of_range(found.measurement, found.row.values):
        point["out_of_range"] = names
    return point


def _series(group: Group, points: list[ResultPointDocument]) -> SeriesDocument:
    return {"tags": dict(group.tags), "points": points}


def _point(measurement: str, row: ResultRow) -> ResultPointDocument:
    point: ResultPointDocument = {"time": rfc3339(row.time_ns), "fields": row.values}
    if row.points is not None:
        point["count"] = row.points
    elif names := out_of_range(measurement, row.values):
        point["out_of_range"] = names
    return point


def _split(text: bytes, mark: bytes) -> tuple[bytes, bytes]:
    """The text up to the end of the first mark, and the rest."""
    place = text.index(mark) + len(mark)
    return text[:place], text[place:]
