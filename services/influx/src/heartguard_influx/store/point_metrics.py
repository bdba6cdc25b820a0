"""Counts points: what became of them, and how many came late."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.metrics import Metrics
from heartguard_influx.points.domain.point import Point, Status, Verdict

STATUSES = (*get_args(Status), "rejected")
# Later than that, a point can't be part of anything that somebody has to do now.
LATE_NS = 30 * 60 * NANOSECONDS


class PointMetrics:
    """A `PointObserver` over counters."""

    def __init__(self, metrics: Metrics) -> None:
        points = metrics.counter("heartguard_points", "Points received, by verdict", ("verdict",))
        self._points = {status: points.labels(status) for status in STATUSES}
        self._late = metrics.counter("heartguard_late_points", "Points received half an hour after their time")

    def written(self, points: Sequence[Point], verdicts: Sequence[Verdict], received_ns: int) -> None:
        """Count a batch."""
        for status, count in Counter(verdict.status for verdict in verdicts).items():
            self._points[status].inc(count)
        since = received_ns - LATE_NS
        late = sum(1 for point in points if point.time_ns < since)
        if late:
            self._late.inc(late)
