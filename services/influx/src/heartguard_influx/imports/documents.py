"""Imports as messages, and as records of a person's export."""

from collections import Counter
from collections.abc import Iterable, Iterator

from heartguard_common import messages
from heartguard_common.http.exports import Record
from heartguard_common.messages import ImportTicket
from heartguard_common.messages.imports import ImportProblemDocument, RejectionDocument
from heartguard_influx.imports.domain import Import, Problem
from heartguard_influx.imports.ports import Ticket

GIVEN_UP = Problem("given_up", "A service that the import needs was not available")
MOST_REASONS = 100


def ticket_of(ticket: Ticket) -> ImportTicket:
    """The message ImportTicket."""
    return {
        "id": ticket.id,
        "url": ticket.url,
        "method": "PUT",
        "headers": dict(ticket.headers),
        "expires_at": ticket.expires_at,
    }


def import_of(found: Import) -> messages.Import:
    """The message Import."""
    request, counts, report = found.request, found.counts, found.counts.report
    rejections = list(_rejections(found))
    document: messages.Import = {
        "id": found.id,
        "status": found.status,
        "progress": 100 if found.status == "done" else counts.percent,
        "file_name": request.file_name,
        "size": request.size,
        "user_id": request.user_id,
        "bucket": request.bucket,
        "requested_by": found.job.requested_by,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "seen": max(counts.position, 0 if report is None else report.seen),
        "stored": counts.stored,
        "duplicates": counts.duplicates,
        "rejected": sum(it["count"] for it in rejections),
        "rejections": rejections,
    }
    kind = request.kind if report is None else report.kind
    if kind is not None:
        document["kind"] = kind
    if report is not None:
        document["skipped"] = [{"name": name, "count": count} for name, count in report.skipped.items()]
    problem = found.problem or (GIVEN_UP if found.status == "failed" else None)
    if problem is not None:
        document["problem"] = _problem(problem)
    return document


def records(imports: Iterable[Import]) -> Iterator[Record]:
    """Imports as records of the kind `import`."""
    for found in imports:
        yield "import", dict(import_of(found))


def _rejections(found: Import) -> Iterator[RejectionDocument]:
    """What the parser gave no record for, and what the verdicts refused; the most frequent first."""
    report = found.counts.report
    places: dict[str, list[str]] = {}
    for reason, place in () if report is None else report.examples:
        places.setdefault(reason, []).append(place)
    reasons = Counter({} if report is None else report.rejected) + Counter(found.counts.rejected)
    for reason, count in reasons.most_common(MOST_REASONS):
        rejection: RejectionDocument = {"reason": reason[:255], "count": count}
        if reason in places:
            rejection["places"] = places[reason][:5]
        yield rejection


def _problem(problem: Problem) -> ImportProblemDocument:
    document: ImportProblemDocument = {"reason": problem.reason, "message": problem.message[:1024]}
    if problem.place:
        document["place"] = problem.place
    return document
