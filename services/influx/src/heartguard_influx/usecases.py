"""What can be done with time series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heartguard_common.audit import AuditTrail
from heartguard_common.clock import Clock, rfc3339
from heartguard_common.errors import Fault, ServiceError
from heartguard_common.identity import Principal
from heartguard_influx.domain import query as queries
from heartguard_influx.domain.bucket import Bucket, belongs_to, own_name
from heartguard_influx.domain.point import EARLIEST_NS, LATEST_NS, Point, Rules, Verdict, judge_types, read_point
from heartguard_influx.domain.query import Field, Group, Row, Selection, Shape
from heartguard_influx.errors import BATCH_REJECTED, BUCKET_EXISTS, NO_BUCKET, OWN_BUCKET, STORED_IN_PART
from heartguard_influx.ports import Buckets, FieldTypes, TimeSeriesStore, Transaction

BUCKETS_AT_ONCE = 100


class Writing:
    """Writing points: each gets its verdict, and nothing that was acknowledged is lost."""

    def __init__(
        self, transaction: Transaction, buckets: Buckets, types: FieldTypes, store: TimeSeriesStore, clock: Clock
    ) -> None:
        self._transaction = transaction
        self._buckets = buckets
        self._types = types
        self._store = store
        self._clock = clock

    def write(
        self, principal: Principal, bucket: str, documents: Sequence[Mapping[str, Any]], *, atomic: bool
    ) -> list[Verdict]:
        """Store the points of a WriteRequest; one verdict for each, in order.

        Raises TS_001 for a bucket that is not the organization's, TS_004 when `atomic` and one is rejected, TS_034
        when the store itself refused part of an atomic batch that broke none of our rules.
        """
        now = self._clock.now_ns()
        person = _only_person(principal)
        mine = None if person is None else str(person)
        points = [read_point(document, now, mine) for document in documents]
        with self._transaction():
            found = _find(self._buckets, principal, bucket)
            rules = Rules(found, now, mine)
            faults = {
                place: fault
                for place, point in enumerate(points)
                if (fault := rules.fault(point) or self._store.fault(point))
            }
            _require_none(faults, atomic=atomic)
            return self._store_rest(found, points, faults, atomic=atomic)

    def _store_rest(
        self, bucket: Bucket, points: Sequence[Point], faults: dict[int, str], *, atomic: bool
    ) -> list[Verdict]:
        if len(faults) == len(points):
            return [Verdict("rejected", faults[place]) for place in range(len(points))]
        bucket_id = self._buckets.hold(bucket)
        if bucket_id is None:
            raise ServiceError(NO_BUCKET)
        faults = faults | self._settle_types(bucket_id, points, faults, atomic=atomic)
        accepted = [point for place, point in enumerate(points) if place not in faults]
        verdicts = self._store.write(bucket_id, accepted) if accepted else ()
        if atomic and any(verdict.status == "rejected" for verdict in verdicts):
            raise ServiceError(STORED_IN_PART)
        written = iter(verdicts)
        return [
            Verdict("rejected", faults[place]) if place in faults else next(written) for place in range(len(points))
        ]

    def _settle_types(
        self, bucket_id: int, points: Sequence[Point], faults: Mapping[int, str], *, atomic: bool
    ) -> dict[int, str]:
        """The points whose fields have another type; all others have theirs registered."""
        open_points = [None if place in faults else point for place, point in enumerate(points)]
        keys = sorted({(point.measurement, name) for point in open_points if point for name in point.fields})
        conflicts, new = judge_types(open_points, self._types.known(bucket_id, keys))
        _require_none(conflicts, atomic=atomic)
        if new:
            self._types.register(bucket_id, new)
            # Somebody else may have been faster, with another type.
            conflicts, _ = judge_types(open_points, self._types.known(bucket_id, keys))
            _require_none(conflicts, atomic=atomic)
        return conflicts


@dataclass(frozen=True)
class Found:
    """What a query found: rows that name their group by its place, and where the next page begins, if any."""

    groups: Sequence[Group]
    rows: Sequence[Row]
    next_position: Sequence[int] | None = None


class Querying:
    """Reading points, raw or by windows."""

    def __init__(self, transaction: Transaction, buckets: Buckets, types: FieldTypes, store: TimeSeriesStore) -> None:
        self._transaction = transaction
        self._buckets = buckets
        self._types = types
        self._store = store

    def query(self, principal: Principal, document: Mapping[str, Any], after: Sequence[int] | None) -> Found:
        """What a QueryRequest asks for; `after` is the position where the page of raw points before ended.

        Raises TS_001 for a bucket that is not the organization's, TS_005 for somebody else's points, TS_006
        over budget, TS_007 for an aggregate that a field has not.
        """
        person = _only_person(principal)
        queries.require_own(document.get("tags"), person)
        start_ns, stop_ns = queries.read_range(document)
        with self._transaction():
            bucket = _find(self._buckets, principal, document["bucket"])
            shape = queries.read_shape(document, bucket.time_zone)
            selection = Selection(
                bucket.id or 0, document["measurement"], start_ns, stop_ns, document.get("tags") or {}, person
            )
            return self._read(selection, shape, document.get("fields"), after)

    def _read(
        self, selection: Selection, shape: Shape, names: Sequence[str] | None, after: Sequence[int] | None
    ) -> Found:
        if selection.start_ns >= selection.stop_ns:  # beyond the years that nanoseconds can count
            return Found((), ())
        known = self._types.of(selection.bucket_id, selection.measurement)
        fields = [field for field in known if names is None or field.name in names]
        groups = self._store.groups(selection, _grouping(shape))
        if shape.aggregate is not None:
            return Found(groups, self._windows(selection, shape, groups, fields))
        limit = queries.page_points(shape.limit, len(fields))
        rows, position = self._store.points(
            selection, groups, fields, after=after, limit=limit, descending=shape.descending
        )
        return Found(groups, rows, position)

    def _windows(
        self, selection: Selection, shape: Shape, groups: Sequence[Group], fields: Sequence[Field]
    ) -> Sequence[Row]:
        assert shape.aggregate is not None
        queries.require_aggregate(shape.aggregate, fields)
        grid = queries.windows_of(shape, selection.start_ns, selection.stop_ns, len(groups) * len(fields))
        rows = self._store.windows(selection, groups, fields, shape.aggregate, grid)
        if shape.filled:
            empty = 0 if shape.aggregate == "count" else None
            rows = queries.fill(rows, grid, len(groups), fields, empty)
        return rows[::-1] if shape.descending else rows


class Exporting:
    """All points of one person, whatever store they are in; no more than a page of them is held."""

    def __init__(self, buckets: Buckets, types: FieldTypes, store: TimeSeriesStore) -> None:
        self._buckets = buckets
        self._types = types
        self._store = store

    def export(self, org_id: int, person: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each point that carries the person's tag, by bucket, measurement and time."""
        after = ""
        while buckets := self._buckets.list(org_id, after, BUCKETS_AT_ONCE):
            for bucket in buckets:
                if bucket.id is not None:
                    for measurement in self._types.measurements(bucket.id):
                        everything = Selection(bucket.id, measurement, EARLIEST_NS, LATEST_NS, {}, person)
                        for point in self._points(everything):
                            yield "point", {"bucket": bucket.name, "measurement": measurement, **point}
            after = buckets[-1].name

    def _points(self, selection: Selection) -> Iterator[dict[str, Any]]:
        groups = self._store.groups(selection, None)
        fields = self._types.of(selection.bucket_id, selection.measurement)
        limit, position = queries.page_points(None, len(fields)), None
        while groups:
            rows, position = self._store.points(
                selection, groups, fields, after=position, limit=limit, descending=False
            )
            for row in rows:
                tags, values = dict(groups[row.group].tags), dict(row.values)
                yield {"tags": tags, "time": rfc3339(row.time_ns), "fields": values}
            if position is None:
                return


class Keeping:
    """Buckets, and the end of what is in them."""

    def __init__(self, transaction: Transaction, buckets: Buckets, store: TimeSeriesStore, audit: AuditTrail) -> None:
        self._transaction = transaction
        self._buckets = buckets
        self._store = store
        self._audit = audit

    def list(self, principal: Principal, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets of the caller's organization with a name above `after`, by name."""
        return self._buckets.list(_organization(principal), after, limit)

    def create(self, principal: Principal, name: str, retention_days: int | None) -> Bucket:
        """A new bucket. Raises TS_001 for a name that can't be the organization's, TS_002 for one that is taken."""
        org_id = _organization(principal)
        if not belongs_to(name, org_id):
            raise ServiceError(NO_BUCKET)
        with self._transaction():
            if self._buckets.find(org_id, own_name(org_id)) is None:
                raise ServiceError(NO_BUCKET)
            bucket = None
            if name != own_name(org_id):
                bucket = self._buckets.create(org_id, name, retention_days)
            if bucket is None:
                raise ServiceError(BUCKET_EXISTS)
            kept = {"retention_days": retention_days}
            self._audit.changed(principal, "timeseries.create_bucket", f"bucket:{name}", payload=kept)
            return bucket

    def delete(self, principal: Principal, name: str) -> None:
        """Remove a bucket with its points. Raises TS_001, and TS_003 for the organization's own."""
        bucket = _find(self._buckets, principal, name)
        if name == own_name(bucket.org_id):
            raise ServiceError(OWN_BUCKET)
        removed = self._drop(bucket.id or 0)
        self._audit.changed(principal, "timeseries.delete_bucket", f"bucket:{name}", payload={"removed": removed})

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Remove what is kept of an organization, or of one member; returns how many values and buckets."""
        buckets = self._buckets.ids(org_id)
        if user_id is None:
            removed = sum(self._drop(bucket_id) for bucket_id in buckets)
        else:
            removed = self._store.erase(buckets, user_id)
        if removed:
            resource = f"organization:{org_id}" if user_id is None else f"user:{user_id}"
            self._audit.changed(principal, "timeseries.erase", resource, org_id=org_id, payload={"removed": removed})
        return removed

    def _drop(self, bucket_id: int) -> int:
        removed = self._store.erase([bucket_id], None)
        with self._transaction():
            # Once more, now that nobody writes between the end of the points and the end of the bucket.
            return removed + self._store.erase([bucket_id], None) + self._buckets.remove(bucket_id)


def _find(buckets: Buckets, principal: Principal, name: str) -> Bucket:
    org_id = _organization(principal)
    bucket = buckets.find(org_id, name) if belongs_to(name, org_id) else None
    if bucket is None:
        raise ServiceError(NO_BUCKET)
    return bucket


def _organization(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(NO_BUCKET)
    return principal.org_id


def _only_person(principal: Principal) -> int | None:
    """The one person whose points the caller may write and read; None for admin and manager."""
    return principal.user_id if principal.role == "user" else None


def _require_none(faults: Mapping[int, str], *, atomic: bool) -> None:
    if atomic and faults:
        details = [Fault(f"/points/{place}", reason) for place, reason in sorted(faults.items())[:100]]
        raise ServiceError(BATCH_REJECTED, details=details)


def _grouping(shape: Shape) -> Sequence[str] | None:
    """Raw points stay with their series unless asked otherwise; aggregates are over all of them."""
    if shape.group_by is None and shape.aggregate is not None:
        return ()
    return shape.group_by
