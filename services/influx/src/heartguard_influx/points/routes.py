"""The endpoint that writes points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from heartguard_common.core.errors import (
    LIMIT_FOR_NOW,
    LIMIT_REACHED,
    MALFORMED,
    UNPROCESSABLE,
    ServiceError,
    Violation,
)
from heartguard_common.http.routing import DOCUMENT_TYPES, Answer, Call, Read, Route
from heartguard_common.messages import PointDocument, WriteQuery, WriteRequest, WriteResult
from heartguard_influx.errors import BATCH_REJECTED, NO_BUCKET, STORED_IN_PART
from heartguard_influx.points import documents
from heartguard_influx.points.domain import line_protocol
from heartguard_influx.points.usecases.writing import Writing

LINES = "text/plain"
# A batch of more values is an import and needs a place in a lane; batches of devices are smaller.
BULK_VALUES = 5_000


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def writing(self) -> Writing:
        """Writes points."""


@dataclass(frozen=True)
class LineBatch:
    """A batch in line protocol. Its times are nanoseconds since the epoch, None for a line without a timestamp."""

    bucket: str
    points: Sequence[PointDocument]
    times_ns: Sequence[int | None]


def write_points(usecases: UseCases, call: Call[WriteRequest | LineBatch, WriteQuery]) -> Answer[WriteResult]:
    """Write points.

    1 to 10,000 points, as a document or as line protocol of InfluxDB (`text/plain`). With `atomic=true` either all
    points are stored or none.
    """
    batch = call.document
    if isinstance(batch, LineBatch):
        bucket, points, times_ns = batch.bucket, batch.points, batch.times_ns
    else:
        _require_for_documents(batch, call)
        bucket, points, times_ns = batch["bucket"], batch["points"], None
    atomic = bool(call.query.get("atomic"))
    verdicts = usecases.writing.write(
        call.person, bucket, points, times_ns=times_ns, atomic=atomic, received_ns=call.claimed_ns
    )
    return Answer(documents.written(verdicts))


def _require_for_documents(wanted: WriteRequest, call: Call[object, WriteQuery]) -> None:
    """Raises GEN_422 for parameters of line protocol, TS_001 for the id of another organization."""
    violations = [
        Violation(f"/{name}", "belongs to line protocol") for name in ("bucket", "precision") if name in call.query
    ]
    if violations:
        raise ServiceError(UNPROCESSABLE, details=violations)
    if wanted.get("org", str(call.person.org_id)) != str(call.person.org_id):
        raise ServiceError(NO_BUCKET)


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
        "POST",
        "/timeseries/write",
        write_points,
        accepts=(*DOCUMENT_TYPES, LINES),
        readers={LINES: _read_lines},
        idempotent=True,
        # No time limit: a device that gets 422 would never send its points again.
        expensive=_is_bulk,
        raises=(NO_BUCKET, BATCH_REJECTED, STORED_IN_PART, LIMIT_FOR_NOW, LIMIT_REACHED),
    ),
)
