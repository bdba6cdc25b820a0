"""The endpoints of the time-series service."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from heartguard_common import exports, paging, tables
from heartguard_common.clock import NANOSECONDS, Clock, rfc3339
from heartguard_common.errors import MALFORMED, UNPROCESSABLE, Fault, ServiceError
from heartguard_common.routing import CSV, DOCUMENT_TYPES, NDJSON, Answer, Call, Route
from heartguard_influx import export
from heartguard_influx.domain import line_protocol
from heartguard_influx.domain.bucket import Bucket
from heartguard_influx.domain.catalogue import CATALOGUE, NUMBERS
from heartguard_influx.domain.point import Verdict
from heartguard_influx.domain.query import TypedField
from heartguard_influx.errors import NO_BUCKET
from heartguard_influx.usecases import Day, Exporting, Fields, Found, Keeping, Latest, Querying, Summarizing, Writing

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
    keeping: Keeping
    fields: Fields
    exporting: Exporting
    summarizing: Summarizing
    clock: Clock


def write(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/write."""
    wanted = call.document
    if call.body_type != LINES:
        faults = [
            Fault(f"/{name}", "belongs to line protocol") for name in ("bucket", "precision") if name in call.query
        ]
        if faults:
            raise ServiceError(UNPROCESSABLE, details=faults)
    if wanted.get("org", str(call.person.org_id)) != str(call.person.org_id):
        raise ServiceError(NO_BUCKET)
    atomic = bool(call.query.get("atomic"))
    verdicts = usecases.writing.write(
        call.person, wanted["bucket"], wanted["points"], atomic=atomic, received_ns=call.claimed_ns
    )
    return Answer(_result(verdicts))


def query(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/query."""
    after = paging.decode_cursor(call.document.get("cursor"), int, int)
    found = usecases.querying.query(call.person, call.document, after)
    echo = {name: call.document[name] for name in ("measurement", "aggregate", "every") if name in call.document}
    position = None if found.next_position is None else paging.encode_cursor(found.next_position)
    if call.media_type in (CSV, NDJSON):
        return _file(call, found, position)
    if found.whole is None:
        return Answer(export.document(echo, found, position), headers=_NO_STORE)
    pages = found.whole.by_group()
    return Answer(grown=partial(export.grown, echo, found.groups, pages), headers=_NO_STORE)


def _file(call: Call, found: Found, position: str | None) -> Answer:
    measurement = call.document["measurement"]
    pages = [found.rows] if found.whole is None else found.whole.by_time()
    if call.media_type == CSV:
        names = export.columns(found, "count" if "aggregate" in call.document else "out_of_range")
        stream = tables.table(names, export.cells(found, measurement, pages))
    else:
        stream = tables.ndjson(export.lines(found, measurement, pages))
    more = {} if position is None else {"X-Next-Cursor": position}
    return tables.attachment("points", call.media_type, stream, more)


def latest(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/latest."""
    now = usecases.clock.now_ns()
    position = paging.decode_cursor(call.document.get("cursor"), int)
    page = usecases.querying.latest(call.person, call.document, position[0] if position else 0)
    following = None if page.next_position is None else paging.encode_cursor([page.next_position])
    return Answer({"items": [_latest(it, now) for it in page.found], "next_cursor": following}, headers=_NO_STORE)


def summarize(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/summary."""
    found = usecases.summarizing.day(call.person, call.document)
    return Answer(_summary(call.document, found), headers=_NO_STORE)


def delete_points(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/delete."""
    usecases.keeping.delete_points(call.person, call.document)
    return Answer()


def list_buckets(usecases: UseCases, call: Call) -> Answer:
    """GET /timeseries/buckets."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), str) or [""]
    found = usecases.keeping.list(call.person, after[0], limit + 1)
    return Answer(paging.page(found, limit, _bucket, lambda bucket: [bucket.name]))


def create_bucket(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/buckets."""
    wanted = call.document
    return Answer(_bucket(usecases.keeping.create(call.person, wanted["bucket"], wanted.get("retention_days"))))


def delete_bucket(usecases: UseCases, call: Call) -> Answer:
    """DELETE /timeseries/buckets/{bucket}."""
    usecases.keeping.delete(call.person, call.params["bucket"])
    return Answer()


def list_measurements(_: UseCases, __: Call) -> Answer:
    """GET /timeseries/measurements."""
    return Answer({"items": [asdict(measurement) for measurement in CATALOGUE]})


def list_fields(usecases: UseCases, call: Call) -> Answer:
    """GET /timeseries/fields."""
    wanted = call.query
    limit = wanted.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(wanted.get("cursor"), int) or [0]
    found = usecases.fields.list(call.person, wanted["bucket"], wanted.get("measurement"), after[0], limit + 1)
    return Answer(paging.page(found, limit, _field, lambda field: [field.id]))


def reset_field(usecases: UseCases, call: Call) -> Answer:
    """DELETE /timeseries/fields."""
    usecases.fields.reset(call.person, call.query["bucket"], call.query["measurement"], call.query["field"])
    return Answer()


def erase(usecases: UseCases, call: Call) -> Answer:
    """POST /timeseries/erasures."""
    wanted = call.document
    removed, again_in = usecases.keeping.erase(call.person, wanted["org_id"], wanted.get("user_id"))
    return Answer({"removed": removed} if again_in is None else {"removed": removed, "again_in": again_in})


def export_person(usecases: UseCases, call: Call) -> Answer:
    """GET /timeseries/exports."""
    return exports.answer(usecases.exporting.export(call.query["org_id"], call.query["user_id"]))


def _read_lines(body: bytes, query: Mapping[str, Any]) -> dict[str, Any]:
    """The WriteRequest that line protocol stands for."""
    if "bucket" not in query:
        raise ServiceError(UNPROCESSABLE, details=(Fault("/bucket", "is missing from the query"),))
    try:
        return {"bucket": query["bucket"], "points": line_protocol.parse(body, query.get("precision", "ns"))}
    except line_protocol.LineError as error:
        raise ServiceError(MALFORMED, str(error)) from error


def _is_bulk(call: Call) -> bool:
    return sum(len(point["fields"]) for point in call.document["points"]) > BULK_VALUES


ROUTES = (
    Route(
        "GET",
        "/timeseries/exports",
        export_person,
        query="ExportQuery",
        body="none",
        offers=(NDJSON,),
        expensive=True,
    ),
    Route(
        "POST",
        "/timeseries/write",
        write,
        takes="WriteRequest",
        gives="WriteResult",
        query="WriteQuery",
        accepts=(*DOCUMENT_TYPES, LINES),
        readers={LINES: _read_lines},
        idempotent=True,
        # Without a bound: a device that is told 422 would never send its points again.
        expensive=_is_bulk,
    ),
    Route(
        "POST",
        "/timeseries/query",
        query,
        takes="QueryRequest",
        gives="QueryResult",
        offers=(*DOCUMENT_TYPES, CSV, NDJSON),
        expensive=True,
        seconds=SECONDS,
    ),
    Route(
        "POST",
        "/timeseries/latest",
        latest,
        takes="LatestRequest",
        gives="LatestResult",
        expensive=True,
        seconds=SECONDS,
    ),
    Route(
        "POST",
        "/timeseries/summary",
        summarize,
        takes="SummaryRequest",
        gives="HeartRateSummary",
        expensive=True,
        seconds=SECONDS,
    ),
    Route(
        "POST",
        "/timeseries/delete",
        delete_points,
        takes="PointsDelete",
        status=204,
        expensive=True,
        seconds=SECONDS,
    ),
    Route("GET", "/timeseries/buckets", list_buckets, gives="BucketList", query="BucketListQuery", body="none"),
    Route(
        "POST",
        "/timeseries/buckets",
        create_bucket,
        takes="BucketRequest",
        gives="Bucket",
        status=201,
        idempotent=True,
    ),
    Route(
        "DELETE",
        "/timeseries/buckets/{bucket}",
        delete_bucket,
        status=204,
        body="none",
        expensive=True,
        seconds=SECONDS,
    ),
    Route("GET", "/timeseries/measurements", list_measurements, gives="MeasurementList", body="none"),
    Route("GET", "/timeseries/fields", list_fields, gives="FieldList", query="FieldListQuery", body="none"),
    Route(
        "DELETE",
        "/timeseries/fields",
        reset_field,
        query="FieldResetQuery",
        status=204,
        body="none",
        expensive=True,
        seconds=SECONDS,
    ),
    Route(
        "POST",
        "/timeseries/erasures",
        erase,
        takes="ErasureRequest",
        gives="ErasureResult",
        expensive=True,
        seconds=SECONDS,
    ),
)


def _result(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    documents = {verdict: _verdict(verdict) for verdict in set(verdicts)}
    results = [documents[verdict] for verdict in verdicts]
    inserted = sum(verdict.status != "rejected" for verdict in verdicts)
    return {"success": inserted == len(verdicts), "inserted": inserted, "results": results}


def _verdict(verdict: Verdict) -> dict[str, str]:
    return (
        {"status": verdict.status} if verdict.reason is None else {"status": verdict.status, "reason": verdict.reason}
    )


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {"bucket": bucket.name, "retention_days": bucket.retention_days, "created_at": bucket.created_at}


def _field(field: TypedField) -> dict[str, Any]:
    fixed = (field.measurement, field.name) in NUMBERS
    return {"measurement": field.measurement, "field": field.name, "type": field.type, "fixed": fixed}


def _latest(found: Latest, now_ns: int) -> dict[str, Any]:
    return {
        "measurement": found.measurement,
        "tags": dict(found.tags),
        "fields": dict(found.row.values),
        "time": rfc3339(found.row.time_ns),
        # A device's clock may be ahead of ours by a little.
        "age_seconds": max(0.0, (now_ns - found.row.time_ns) / NANOSECONDS),
        **export.flags(found.measurement, found.row),
    }


def _summary(asked: Mapping[str, Any], found: Day) -> dict[str, Any]:
    summary = found.summary
    return {
        "bucket": asked["bucket"],
        "user_id": found.user_id,
        "day": asked["day"],
        "time_zone": found.time_zone,
        "samples": summary.samples,
        "minimum": summary.minimum,
        "maximum": summary.maximum,
        "mean": summary.mean,
        "resting_heart_rate": summary.resting_heart_rate,
        "interval_seconds": summary.interval_seconds,
        "coverage": summary.coverage,
        "zones": [asdict(zone) for zone in summary.zones],
        "gaps": [{"start": rfc3339(gap.start_ns), "stop": rfc3339(gap.stop_ns)} for gap in summary.gaps],
    }
