"""Writing points: each gets its verdict, and nothing that was acknowledged is lost."""

from collections.abc import Mapping, Sequence
from typing import Any

from heartguard_common.errors import Fault, ServiceError
from heartguard_common.identity import Principal
from heartguard_influx.domain.bucket import Bucket
from heartguard_influx.domain.catalogue import implausible
from heartguard_influx.domain.point import Point, Rules, Verdict, judge_types, read_point
from heartguard_influx.errors import BATCH_REJECTED, NO_BUCKET, STORED_IN_PART
from heartguard_influx.usecases.access import find_bucket, only_person
from heartguard_influx.usecases.parts import Stores


class Writing:
    """Writing points: each gets its verdict, and nothing that was acknowledged is lost."""

    def __init__(self, stores: Stores) -> None:
        self._s = stores

    def write(
        self,
        principal: Principal,
        bucket: str,
        documents: Sequence[Mapping[str, Any]],
        *,
        atomic: bool,
        received_ns: int | None = None,
    ) -> list[Verdict]:
        """Store the points of a WriteRequest; one verdict for each, in order.

        Points without a timestamp are dated `received_ns`, by default now: a request that is repeated under its key has
        to date them as its first try did, whose points may be stored.

        Raises TS_001 for a bucket that is not the organization's, TS_004 when `atomic` and one is rejected, TS_034
        when the store itself refused part of an atomic batch that broke none of our rules.
        """
        now = self._s.clock.now_ns()
        person = only_person(principal)
        mine = None if person is None else str(person)
        dated = now if received_ns is None else received_ns
        points = [read_point(document, dated, mine) for document in documents]
        with self._s.transaction():
            found = find_bucket(self._s.buckets, principal, bucket)
            rules = Rules(found, now, mine)
            faults = {
                place: fault
                for place, point in enumerate(points)
                if (fault := rules.fault(point) or self._s.points.fault(point))
            }
            _require_none(faults, atomic=atomic)
            return self._store_rest(found, points, faults, atomic=atomic)

    def _store_rest(
        self, bucket: Bucket, points: Sequence[Point], faults: dict[int, str], *, atomic: bool
    ) -> list[Verdict]:
        if len(faults) == len(points):
            return [Verdict("rejected", faults[place]) for place in range(len(points))]
        bucket_id = self._s.buckets.hold(bucket)
        if bucket_id is None:
            raise ServiceError(NO_BUCKET)
        faults = faults | self._settle_types(bucket_id, points, faults, atomic=atomic)
        accepted = [point for place, point in enumerate(points) if place not in faults]
        verdicts = self._s.points.write(bucket_id, accepted) if accepted else ()
        if atomic and any(verdict.status == "rejected" for verdict in verdicts):
            raise ServiceError(STORED_IN_PART)
        written = (_flagged(point, verdict) for point, verdict in zip(accepted, verdicts, strict=True))
        return [
            Verdict("rejected", faults[place]) if place in faults else next(written) for place in range(len(points))
        ]

    def _settle_types(
        self, bucket_id: int, points: Sequence[Point], faults: Mapping[int, str], *, atomic: bool
    ) -> dict[int, str]:
        """The points whose fields have another type; all others have theirs registered."""
        open_points = [None if place in faults else point for place, point in enumerate(points)]
        keys = sorted({(point.measurement, name) for point in open_points if point for name in point.fields})
        conflicts, new = judge_types(open_points, self._s.types.known(bucket_id, keys))
        _require_none(conflicts, atomic=atomic)
        if new:
            self._s.types.register(bucket_id, new)
            # Somebody else may have been faster, with another type.
            conflicts, _ = judge_types(open_points, self._s.types.known(bucket_id, keys))
            _require_none(conflicts, atomic=atomic)
        return conflicts


def _flagged(point: Point, verdict: Verdict) -> Verdict:
    """The verdict, with a reason where a stored value is out of its plausible range."""
    reason = None if verdict.reason else implausible(point.measurement, point.fields)
    return verdict if reason is None else Verdict(verdict.status, reason)


def _require_none(faults: Mapping[int, str], *, atomic: bool) -> None:
    if atomic and faults:
        details = [Fault(f"/points/{place}", reason) for place, reason in sorted(faults.items())[:100]]
        raise ServiceError(BATCH_REJECTED, details=details)
