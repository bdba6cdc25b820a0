"""The endpoints of the time-series service."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from heartguard_common import messages
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import (
    LIMIT_FOR_NOW,
    LIMIT_REACHED,
    MALFORMED,
    UNPROCESSABLE,
    ServiceError,
    Violation,
)
from heartguard_common.http import exports, paging, tables
from heartguard_common.http.routing import (
    CSV,
    DOCUMENT_TYPES,
    NDJSON,
    Answer,
    Call,
    DocumentStream,
    EmptyCall,
    NoQuery,
    Read,
    Reply,
    Route,
    StreamAnswer,
)
from heartguard_common.messages import (
    BucketList,
    BucketListQuery,
    BucketRequest,
    ErasureRequest,
    ErasureResult,
    ExportQuery,
    FieldList,
    FieldListQuery,
    FieldResetQuery,
    HeartRateSummary,
    LatestRequest,
    LatestResult,
    MeasurementList,
    PointDocument,
    PointsDelete,
    QueryRequest,
    QueryResult,
    SummaryRequest,
    WriteQuery,
    WriteRequest,
    WriteResult,
)
from heartguard_influx import documents, export
from heartguard_influx.domain import line_protocol
from heartguard_influx.domain.catalogue import CATALOGUE
from heartguard_influx.errors import (
    BATCH_REJECTED,
    BUCKET_EXISTS,
    FIELD_STORED,
    NO_AGGREGATE,
    NO_BUCKET,
    NO_FIELD,
    NOT_YOURS,
    OVER_BUDGET,
    OWN_BUCKET,
    STORED_IN_PART,
    UNFINISHED,
)
from heartguard_influx.usecases import BucketAdministration, Exporting, Fields, Found, Querying, Summarizing, Writing

LINES = "text/plain"
_NO_STORE = {"Cache-Control": "no-store"}
# With 2 s of waiting for a place and the last request to an InfluxDB (12 s) less than the 30 s the gateway waits.
SECONDS = 15.0
# A batch of more values than this is an import, which has to share; those that devices send are smaller.
BULK_VALUES = 5_000


@dataclass(frozen=True)
class UseCases:
    """What the handlers call."""

    writing: Writing
    querying: Querying
    administration: BucketAdministration
    fields: Fields
    exporting: Exporting
    summarizing: Summarizing
    clock: Clock


@dataclass(frozen=True)
class LineBatch:
    """A batch that came as line protocol, whose times are numbers: nanoseconds, None where a line has none."""

    bucket: str
    points: Sequence[PointDocument]
    times_ns: Sequence[int | None]


def write(usecases: UseCases, call: Call[WriteRequest | LineBatch, WriteQuery]) -> Answer[WriteResult]:
    """Store 1 to 10,000 points, also as line protocol (`text/plain`); `?atomic=true` stores all or none."""
    batch = call.document
    if isinstance(batch, LineBatch):
        bucket, points, times_ns = batch.bucket, batch.points, batch.times_ns
    else:
        _require_fitting(batch, call)
        bucket, points, times_ns = batch["bucket"], batch["points"], None
    atomic = bool(call.query.get("atomic"))
    verdicts = usecases.writing.write(
        call.person, bucket, points, times_ns=times_ns, atomic=atomic, received_ns=call.claimed_ns
    )
    return Answer(documents.written(verdicts))


def _require_fitting(wanted: WriteRequest, call: Call[object, WriteQuery]) -> None:
    """Raises GEN_422 for parameters of line protocol, TS_001 for another organization's number."""
    violations = [
        Violation(f"/{name}", "belongs to line protocol") for name in ("bucket", "precision") if name in call.query
    ]
    if violations:
        raise ServiceError(UNPROCESSABLE, details=violations)
    if wanted.get("org", str(call.person.org_id)) != str(call.person.org_id):
        raise ServiceError(NO_BUCKET)


def query(usecases: UseCases, call: Call[QueryRequest, NoQuery]) -> Reply[QueryResult]:
    """Raw points, or windows; also as CSV and NDJSON."""
    after = paging.decode_cursor(call.document.get("cursor"), int, int)
    found = usecases.querying.query(call.person, call.document, after)
    echo = export.echo_of(call.document)
    position = None if found.next_position is None else paging.encode_cursor(found.next_position)
    if call.media_type in (CSV, NDJSON):
        return _file(call, found, position)
    if found.whole is None:
        return Answer(export.document(echo, found, position), headers=_NO_STORE)
    pages = found.whole.by_group()
    return DocumentStream(partial(export.document_blocks, echo, found.groups, pages), headers=_NO_STORE)


def _file(call: Call[QueryRequest, NoQuery], found: Found, position: str | None) -> StreamAnswer:
    measurement = call.document["measurement"]
    pages = [found.rows] if found.whole is None else found.whole.by_time()
    if call.media_type == CSV:
        names = export.columns(found, "count" if "aggregate" in call.document else "out_of_range")
        stream = tables.table(names, export.cells(found, measurement, pages))
    else:
        stream = tables.ndjson(export.lines(found, measurement, pages))
    more = {} if position is None else {"X-Next-Cursor": position}
    return tables.attachment("points", call.media_type, stream, more)


def latest(usecases: UseCases, call: Call[LatestRequest, NoQuery]) -> Answer[LatestResult]:
    """The last point of each series, and its age; in pages."""
    now = usecases.clock.now_ns()
    position = paging.decode_cursor(call.document.get("cursor"), int)
    page = usecases.querying.latest(call.person, call.document, position[0] if position else 0)
    following = None if page.next_position is None else paging.encode_cursor([page.next_position])
    return Answer(
        {"items": [documents.latest_point(it, now) for it in page.found], "next_cursor": following}, headers=_NO_STORE
    )


def summarize(usecases: UseCases, call: Call[SummaryRequest, NoQuery]) -> Answer[HeartRateSummary]:
    """A day of heart rate: zones, resting rate, coverage, gaps."""
    found = usecases.summarizing.day(call.person, call.document)
    return Answer(documents.summary(call.document, found), headers=_NO_STORE)


def delete_points(usecases: UseCases, call: Call[PointsDelete, NoQuery]) -> Answer[None]:
    """Remove the points of a range."""
    usecases.administration.delete_points(call.person, call.document)
    return Answer(None)


def list_buckets(usecases: UseCases, call: Call[None, BucketListQuery]) -> Answer[BucketList]:
    """The organization's buckets."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), str) or [""]
    found = usecases.administration.list(call.person, after[0], limit + 1)
    page = paging.page(found, limit, documents.bucket, lambda bucket: [bucket.name])
    return Answer({"items": page.items, "next_cursor": page.next_cursor})


def create_bucket(usecases: UseCases, call: Call[BucketRequest, NoQuery]) -> Answer[messages.Bucket]:
    """Make a bucket, with retention if wanted."""
    wanted = call.document
    return Answer(
        documents.bucket(usecases.administration.create(call.person, wanted["bucket"], wanted.get("retention_days")))
    )


def delete_bucket(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """Remove a bucket and its points."""
    usecases.administration.delete(call.person, call.params["bucket"])
    return Answer(None)


def list_measurements(_: UseCases, __: EmptyCall) -> Answer[MeasurementList]:
    """The catalogue of measurements: unit and plausible range."""
    return Answer({"items": [documents.measurement(entry) for entry in CATALOGUE]})


def list_fields(usecases: UseCases, call: Call[None, FieldListQuery]) -> Answer[FieldList]:
    """The types of a bucket's fields."""
    wanted = call.query
    limit = wanted.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(wanted.get("cursor"), int) or [0]
    found = usecases.fields.list(call.person, wanted["bucket"], wanted.get("measurement"), after[0], limit + 1)
    page = paging.page(found, limit, documents.typed_field, lambda field: [field.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor})


def reset_field(usecases: UseCases, call: Call[None, FieldResetQuery]) -> Answer[None]:
    """Take its type from a field without points."""
    usecases.fields.reset(call.person, call.query["bucket"], call.query["measurement"], call.query["field"])
    return Answer(None)


def erase(usecases: UseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Remove the points of an organization or of one member."""
    wanted = call.document
    removed, again_in = usecases.administration.erase(call.person, wanted["org_id"], wanted.get("user_id"))
    document: ErasureResult = {"removed": removed}
    if again_in is not None:
        document["again_in"] = again_in
    return Answer(document)


def export_person(usecases: UseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Every point with a person's tag (NDJSON)."""
    return exports.answer(usecases.exporting.export(call.query["org_id"], call.query["user_id"]))


def _read_lines(body: bytes, query: WriteQuery) -> Read:
    """The batch of a body in line protocol; the contract of a WriteRequest holds for it too."""
    if "bucket" not in query:
        raise ServiceError(UNPROCESSABLE, details=(Violation("/bucket", "is missing from the query"),))
    try:
        lines = line_protocol.parse(body, query.get("precision", "ns"))
    except line_protocol.LineError as error:
        raise ServiceError(MALFORMED, str(error)) from error
    document: WriteRequest = {"bucket": query["bucket"], "points": lines.points}
    return Read(document, LineBatch(query["bucket"], lines.points, lines.times_ns))


def _is_bulk(call: Call[WriteRequest | LineBatch, WriteQuery]) -> bool:
    points = call.document.points if isinstance(call.document, LineBatch) else call.document["points"]
    return sum(len(point["fields"]) for point in points) > BULK_VALUES


ROUTES = (
    Route(
        "GET",
        "/timeseries/exports",
        export_person,
        offers=(NDJSON,),
        expensive=True,
    ),
    Route(
        "POST",
        "/timeseries/write",
        write,
        accepts=(*DOCUMENT_TYPES, LINES),
        readers={LINES: _read_lines},
        idempotent=True,
        # Without a bound: a device that gets 422 would never send its points again.
        expensive=_is_bulk,
        raises=(NO_BUCKET, BATCH_REJECTED, STORED_IN_PART, LIMIT_FOR_NOW, LIMIT_REACHED),
    ),
    Route(
        "POST",
        "/timeseries/query",
        query,
        offers=(*DOCUMENT_TYPES, CSV, NDJSON),
        expensive=True,
        seconds=SECONDS,
        raises=(NO_BUCKET, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE),
        headers=("X-Next-Cursor",),
    ),
    Route(
        "POST",
        "/timeseries/latest",
        latest,
        expensive=True,
        seconds=SECONDS,
        raises=(NO_BUCKET, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE),
    ),
    Route(
        "POST",
        "/timeseries/summary",
        summarize,
        expensive=True,
        seconds=SECONDS,
        raises=(NO_BUCKET, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE),
    ),
    Route(
        "POST",
        "/timeseries/delete",
        delete_points,
        status=204,
        expensive=True,
        seconds=SECONDS,
        raises=(NO_BUCKET, NOT_YOURS),
    ),
    Route("GET", "/timeseries/buckets", list_buckets),
    Route(
        "POST",
        "/timeseries/buckets",
        create_bucket,
        status=201,
        idempotent=True,
        raises=(NO_BUCKET, BUCKET_EXISTS, LIMIT_REACHED),
    ),
    Route(
        "DELETE",
        "/timeseries/buckets/{bucket}",
        delete_bucket,
        status=204,
        expensive=True,
        seconds=SECONDS,
        raises=(NO_BUCKET, OWN_BUCKET, UNFINISHED),
    ),
    Route("GET", "/timeseries/measurements", list_measurements),
    Route("GET", "/timeseries/fields", list_fields, raises=(NO_BUCKET,)),
    Route(
        "DELETE",
        "/timeseries/fields",
        reset_field,
        status=204,
        expensive=True,
        seconds=SECONDS,
        raises=(NO_BUCKET, FIELD_STORED, NO_FIELD),
    ),
    Route("POST", "/timeseries/erasures", erase, expensive=True, seconds=SECONDS, raises=(UNFINISHED,)),
)
