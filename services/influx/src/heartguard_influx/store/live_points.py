"""Stored points, and the progress of imports, as events of live streams."""

from collections.abc import Mapping, Sequence
from functools import partial

from heartguard_common.messages import ImportStatus, JobStatus, StreamJob
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.events import JOBS, LiveEvent, PointsEvent, Run
from heartguard_influx.imports.domain import JOB_KIND, Import
from heartguard_influx.points.domain.point import Point, Verdict
from heartguard_influx.points.ports import StoredBatch

POINTS_AT_ONCE = 200
"""So many points at most are in one event: whoever reads one has it at once, and filters it in one go."""


class LivePoints:
    """A `PointAnnouncer` where points are stored in the surrounding transaction."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def begin(self, org_id: int) -> str | None:  # noqa: ARG002
        """Nothing: the note is written with the points."""
        return None

    def stored(
        self,
        org_id: int,
        bucket: str,
        points: Sequence[Point],
        verdicts: Sequence[Verdict],
        begun: str | None,  # noqa: ARG002
    ) -> None:
        """Announce them."""
        if any(_is_new(verdict) for verdict in verdicts):
            self._announcer.announce(org_id, lambda: events(bucket, points, verdicts))

    def stored_together(self, batches: Sequence[StoredBatch]) -> None:
        """Announce batches that one transaction stores."""
        new = [it for it in batches if any(_is_new(verdict) for verdict in it.verdicts)]
        by_organization = {
            org_id: partial(_events_of, [it for it in new if it.org_id == org_id])
            for org_id in {it.org_id for it in new}
        }
        if by_organization:
            self._announcer.announce_each(by_organization)


class LiveSentPoints:
    """A `PointAnnouncer` where points are sent to another store: the note is committed before."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def begin(self, org_id: int) -> str | None:
        """Note that points will be sent; where that fails half-way the note stays."""
        return self._announcer.note(org_id)

    def stored(
        self, org_id: int, bucket: str, points: Sequence[Point], verdicts: Sequence[Verdict], begun: str | None
    ) -> None:
        """Publish them. Somebody may listen who did not when they were sent."""
        if not any(_is_new(verdict) for verdict in verdicts):
            if begun is not None:
                self._announcer.withdraw(org_id, begun)
            return
        number = self._announcer.note(org_id) if begun is None else begun
        if number is not None:
            self._announcer.publish(org_id, number, lambda: events(bucket, points, verdicts))


class LiveImports:
    """Announces how far imports are."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def progressed(self, found: Import) -> None:
        """Announce the state of an import, after the commit of the surrounding transaction."""
        self._announcer.announce(found.org_id, lambda: [import_event(found)])


JOB_STATUSES: Mapping[ImportStatus, JobStatus] = {
    "awaiting_upload": "queued",
    "queued": "queued",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "failed",
}


def import_event(found: Import) -> LiveEvent:
    """What live streams show of an import."""
    person = found.request.user_id
    document: StreamJob = {
        "id": found.id,
        "kind": JOB_KIND,
        "status": JOB_STATUSES[found.status],
        "progress": 100 if found.status == "done" else found.counts.percent,
        "user_id": person,
    }
    if found.problem is not None:
        document["error"] = found.problem.message
    return LiveEvent(JOBS, "StreamJob", document, person)


def events(bucket: str, points: Sequence[Point], verdicts: Sequence[Verdict]) -> list[PointsEvent]:
    """What is published of a batch."""
    new = [(point, it.reason) for point, it in zip(points, verdicts, strict=True) if _is_new(it)]
    parts = (new[begin : begin + POINTS_AT_ONCE] for begin in range(0, len(new), POINTS_AT_ONCE))
    return [PointsEvent(bucket, _runs(part)) for part in parts]


def _events_of(batches: Sequence[StoredBatch]) -> list[PointsEvent]:
    return [event for it in batches for event in events(it.bucket, it.points, it.verdicts)]


def _is_new(verdict: Verdict) -> bool:
    return verdict.status not in ("rejected", "duplicate")


def _runs(points: Sequence[tuple[Point, str | None]]) -> list[Run]:
    """Points with the reasons why they are out of range."""
    found: list[Run] = []
    before: tuple[object, ...] = ()
    for (measurement, tags, fields, time_ns), reason in points:
        shared = (measurement, tags, reason, *fields)
        if shared != before:
            before = shared
            run = Run(measurement, dict(tags), list(fields), reason, [], [])
            found.append(run)
        run.times_ns.append(time_ns)
        run.values.extend(fields.values())
    return found
