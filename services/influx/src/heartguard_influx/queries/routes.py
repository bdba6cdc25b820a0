"""The endpoints that read points."""

from functools import partial
from typing import Protocol

from heartguard_common.core.clock import Clock
from heartguard_common.http import paging, tables
from heartguard_common.http.routing import (
    CSV,
    DOCUMENT_TYPES,
    NDJSON,
    Answer,
    Call,
    DocumentStream,
    NoQuery,
    Reply,
    Route,
    StreamAnswer,
)
from heartguard_common.messages import LatestRequest, LatestResult, QueryRequest, QueryResult
from heartguard_influx.deadlines import ANSWER_SECONDS
from heartguard_influx.errors import NO_AGGREGATE, NO_BUCKET, NOT_YOURS, OVER_BUDGET
from heartguard_influx.queries import documents
from heartguard_influx.queries.usecases.querying import Found, Querying
from heartguard_influx.queries.usecases.stream import rows_by_group

_NO_STORE = {"Cache-Control": "no-store"}


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def querying(self) -> Querying:
        """Reads points."""

    @property
    def clock(self) -> Clock:
        """Tells the age of a point."""


def query_points(usecases: UseCases, call: Call[QueryRequest, NoQuery]) -> Reply[QueryResult]:
    """Query points, raw or aggregated by windows of time.

    Without `limit` all raw points are streamed. Also as a CSV or NDJSON file. A member with the role `user` gets their
    own points.
    """
    after = paging.decode_cursor(call.document.get("cursor"), int, int)
    found = usecases.querying.query(call.person, call.document, after)
    echo = documents.echo_of(call.document)
    position = None if found.next_position is None else paging.encode_cursor(found.next_position)
    if call.media_type in (CSV, NDJSON):
        return _file(call, found, position)
    whole = found.stream is None
    pages = rows_by_group(found.rows) if found.stream is None else found.stream.by_group()
    blocks = partial(documents.document_blocks, echo, found.groups, pages, position=position)
    return DocumentStream(blocks, headers=_NO_STORE, whole=whole)


def _file(call: Call[QueryRequest, NoQuery], found: Found, position: str | None) -> StreamAnswer:
    measurement = call.document["measurement"]
    pages = [found.rows] if found.stream is None else found.stream.by_time()
    if call.media_type == CSV:
        names = documents.columns(found, "count" if "aggregate" in call.document else "out_of_range")
        stream = tables.table(names, documents.cells(found, measurement, pages))
    else:
        stream = tables.ndjson(documents.lines(found, measurement, pages))
    more = {} if position is None else {"X-Next-Cursor": position}
    return tables.attachment("points", call.media_type, stream, more)


def query_latest_points(usecases: UseCases, call: Call[LatestRequest, NoQuery]) -> Answer[LatestResult]:
    """Query the last point of each series.

    A member with the role `user` gets their own series.
    """
    now = usecases.clock.now_ns()
    position = paging.decode_cursor(call.document.get("cursor"), int)
    page = usecases.querying.latest(call.person, call.document, position[0] if position else 0)
    following = None if page.next_position is None else paging.encode_cursor([page.next_position])
    return Answer(
        {"items": [documents.latest_point(it, now) for it in page.found], "next_cursor": following}, headers=_NO_STORE
    )


ROUTES = (
    Route(
        "POST",
        "/timeseries/query",
        query_points,
        offers=(*DOCUMENT_TYPES, CSV, NDJSON),
        expensive=True,
        seconds=ANSWER_SECONDS,
        raises=(NO_BUCKET, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE),
        headers=("X-Next-Cursor",),
    ),
    Route(
        "POST",
        "/timeseries/latest",
        query_latest_points,
        expensive=True,
        seconds=ANSWER_SECONDS,
        raises=(NO_BUCKET, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE),
    ),
)
