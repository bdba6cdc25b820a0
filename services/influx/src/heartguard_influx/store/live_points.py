"""Stored points as events of live streams."""

from collections.abc import Sequence

from heartguard_common.core.clock import rfc3339
from heartguard_common.messages import StreamPointDocument
from heartguard_common.streams.announcing import Announcer
from heartguard_common.streams.events import POINTS, LiveEvent
from heartguard_influx.points.domain.point import Point, Verdict

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


def events(bucket: str, points: Sequence[Point], verdicts: Sequence[Verdict]) -> list[LiveEvent]:
    """What is published of a batch."""
    new = [_document(point, it) for point, it in zip(points, verdicts, strict=True) if _is_new(it)]
    parts = (new[begin : begin + POINTS_AT_ONCE] for begin in range(0, len(new), POINTS_AT_ONCE))
    return [LiveEvent(POINTS, "StreamPoints", {"bucket": bucket, "points": part}) for part in parts]


def _is_new(verdict: Verdict) -> bool:
    return verdict.status not in ("rejected", "duplicate")


def _document(point: Point, verdict: Verdict) -> StreamPointDocument:
    document: StreamPointDocument = {
        "measurement": point.measurement,
        "tags": dict(point.tags),
        "fields": dict(point.fields),
        "time": rfc3339(point.time_ns),
    }
    if verdict.reason is not None:
        document["out_of_range"] = verdict.reason
    return document
