"""Writing points: each gets a verdict, and no acknowledged point is lost."""

from collections.abc import Callable, Mapping, Sequence

from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.core.limits import LimitError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import PointDocument
from heartguard_influx.buckets.access import find_bucket, may_name, only_person
from heartguard_influx.buckets.domain import Bucket
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.changes.domain import ranges_of
from heartguard_influx.changes.ports import ChangeLog, NoChangeLog
from heartguard_influx.errors import BATCH_REJECTED, NO_BUCKET, STORED_IN_PART
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.points.domain.point import (
    Point,
    Rules,
    Sender,
    Verdict,
    flagged,
    judge_types,
    read_points,
    times_of,
)
from heartguard_influx.points.ports import (
    PointAnnouncer,
    PointObserver,
    PointWriter,
    SmallWrite,
    SmallWriter,
    TooManySeries,
)
from heartguard_influx.points.usecases.permission import WritePermission
from heartguard_influx.series.domain import person_of

# A batch of more values gains nothing from being stored together with others.
SMALL_VALUES = 50


def _persons(points: Sequence[Point]) -> frozenset[int]:
    """The people that the points belong to."""
    found = {person_of(tags) for tags in {point.tags for point in points}}
    return frozenset(person for person in found if person is not None)


class Writing:
    """Writing points: each gets a verdict, and no acknowledged point is lost."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: PointWriter,
        *,
        transaction: Transaction,
        clock: Clock,
        authority: Authority,
        refused: Callable[[str], object] = lambda _: None,
        observer: PointObserver | None = None,
        small: SmallWriter | None = None,
        announcer: PointAnnouncer | None = None,
        changes: ChangeLog | None = None,
    ) -> None:
        """`refused` gets the name of a limit that rejects points without refusing their batch.

        `observer` is told about each batch that was not refused, `announcer` about each that is stored; `changes`
        records which ranges it changes. `small` takes small batches first, if given, and does the last two by itself.
        """
        self._buckets = buckets
        self._types = types
        self._points = points
        self._transaction = transaction
        self._clock = clock
        self._authority = authority
        self._refused = refused
        self._observer = observer
        self._small = small
        self._announcer = announcer
        self._changes = changes or NoChangeLog()

    def write(
        self,
        principal: Principal,
        bucket: str,
        documents: Sequence[PointDocument],
        *,
        atomic: bool,
        times_ns: Sequence[int | None] | None = None,
        received_ns: int | None = None,
    ) -> list[Verdict]:
        """Store the points of a WriteRequest; one verdict for each, in order.

        `times_ns` are their times where the documents don't have them as text. A point without time gets `received_ns`,
        by default now. A request that is repeated with its Idempotency-Key must pass the time of its first try, whose
        points may be stored already.

        Raises TS_001 for a bucket that is not the organization's, TS_004 when `atomic` and one is rejected, TS_034
        when the store refused part of an atomic batch that complies with the rules of this service, GEN_429_LIMIT and
        GEN_409_LIMIT when the organization or the caller has no room for the values.
        """
        now = self._clock.now_ns()
        person = only_person(principal)
        mine = None if person is None else str(person)
        dated = now if received_ns is None else received_ns
        times_ns = times_of(documents) if times_ns is None else times_ns
        points = read_points(documents, [dated if time_ns is None else time_ns for time_ns in times_ns], mine)
        verdicts = self._write_small(principal, bucket, points, now, mine)
        if verdicts is None:
            verdicts = self._write_alone(principal, bucket, points, now, mine, atomic=atomic)
        if self._observer is not None:
            self._observer.written(points, verdicts, now)
        return verdicts

    def _write_small(
        self, principal: Principal, bucket: str, points: Sequence[Point], now_ns: int, mine: str | None
    ) -> list[Verdict] | None:
        """The verdicts on a small batch without anything unusual, None for any other, which is then not stored."""
        few = self._small is not None and sum(len(point.fields) for point in points) <= SMALL_VALUES
        if self._small is None or not few or not may_name(principal, bucket):
            return None

        def acceptable(found: Bucket) -> bool:
            rules = Rules(found, now_ns, mine)
            return not any(rules.rejection(point) or self._points.rejection(point) for point in points)

        verdicts = self._small.write(SmallWrite(principal, bucket, points, _persons(points), acceptable))
        return None if verdicts is None else list(verdicts)

    def _write_alone(
        self,
        principal: Principal,
        bucket: str,
        points: Sequence[Point],
        now_ns: int,
        mine: str | None,
        *,
        atomic: bool,
    ) -> list[Verdict]:
        with self._transaction():
            found = find_bucket(self._buckets, principal, bucket)
            permission = WritePermission(self._authority, self._clock, principal, _persons(points))
            rules = Rules(found, now_ns, mine)
            rejections = {
                place: rejection
                for place, point in enumerate(points)
                if (rejection := rules.rejection(point) or permission.rejection(point) or self._points.rejection(point))
            }
            _require_none(rejections, atomic=atomic)
            sender = Sender(found.org_id, principal.user_id or 0)
            return self._store_and_announce(found, points, rejections, sender, permission, atomic=atomic)

    def _store_and_announce(
        self,
        bucket: Bucket,
        points: Sequence[Point],
        rejections: dict[int, str],
        sender: Sender,
        permission: WritePermission,
        *,
        atomic: bool,
    ) -> list[Verdict]:
        begun = None if self._announcer is None else self._announcer.begin(bucket.org_id)
        verdicts = self._store_valid(bucket, points, rejections, sender, permission, atomic=atomic)
        if self._announcer is not None:
            self._announcer.stored(bucket.org_id, bucket.name, points, verdicts, begun)
        return verdicts

    def _store_valid(
        self,
        bucket: Bucket,
        points: Sequence[Point],
        rejections: dict[int, str],
        sender: Sender,
        permission: WritePermission,
        *,
        atomic: bool,
    ) -> list[Verdict]:
        if len(rejections) == len(points):
            return [Verdict("rejected", rejections[place]) for place in range(len(points))]
        bucket_id = self._buckets.ensure_and_lock(bucket)
        if bucket_id is None:
            raise ServiceError(NO_BUCKET)
        rejections = rejections | self._settle_types(bucket_id, points, rejections, atomic=atomic)
        while True:
            accepted = [point for place, point in enumerate(points) if place not in rejections]
            try:
                with self._changes.recording(bucket.org_id, ranges_of(accepted)):
                    verdicts = self._points.write(bucket_id, accepted, sender, permission.require) if accepted else ()
                break
            except TooManySeries as error:
                rejections = rejections | _over_series_limit(points, rejections, error)
                _require_none(rejections, atomic=atomic)
        if atomic and any(verdict.status == "rejected" for verdict in verdicts):
            raise ServiceError(STORED_IN_PART)
        written = (flagged(point, verdict) for point, verdict in zip(accepted, verdicts, strict=True))
        return [
            Verdict("rejected", rejections[place]) if place in rejections else next(written)
            for place in range(len(points))
        ]

    def _settle_types(
        self, bucket_id: int, points: Sequence[Point], rejections: Mapping[int, str], *, atomic: bool
    ) -> dict[int, str]:
        """The points whose fields have another type; registers the new types of all others."""
        open_points = [None if place in rejections else point for place, point in enumerate(points)]
        keys = sorted({(point.measurement, name) for point in open_points if point for name in point.fields})
        conflicts, new = judge_types(open_points, self._types.known(bucket_id, keys))
        _require_none(conflicts, atomic=atomic)
        if new:
            try:
                self._types.register(bucket_id, new)
            except LimitError as error:
                self._refused(error.limit)
                full = {
                    place: error.message
                    for place, point in enumerate(open_points)
                    if point and any((point.measurement, name) in new for name in point.fields)
                }
                _require_none(full, atomic=atomic)
                return conflicts | full
            # A concurrent request may have registered another type first.
            conflicts, _ = judge_types(open_points, self._types.known(bucket_id, keys))
            _require_none(conflicts, atomic=atomic)
        return conflicts


def _over_series_limit(points: Sequence[Point], rejections: Mapping[int, str], error: TooManySeries) -> dict[int, str]:
    """The valid points whose series are over a limit, each with the reason that names it."""
    return {
        place: error.refused[point.measurement, point.tags]
        for place, point in enumerate(points)
        if place not in rejections and (point.measurement, point.tags) in error.refused
    }


def _require_none(rejections: Mapping[int, str], *, atomic: bool) -> None:
    if atomic and rejections:
        details = [Violation(f"/points/{place}", reason) for place, reason in sorted(rejections.items())[:100]]
        raise ServiceError(BATCH_REJECTED, details=details)
