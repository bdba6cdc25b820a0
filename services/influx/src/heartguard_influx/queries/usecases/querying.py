"""Reading points: raw, by windows, and the latest of each series."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import LatestRequest, QueryRequest
from heartguard_influx.buckets.access import find_bucket, only_person, record_disclosure, require_own
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.fields.domain import Field
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.queries.domain import query as queries
from heartguard_influx.queries.domain.query import BUDGET, Budget, ResultRow, Shape
from heartguard_influx.queries.ports import PointReader
from heartguard_influx.queries.usecases.stream import PointStream, groups_of
from heartguard_influx.series.domain import PERSON_TAG, Group, Selection, Tags, read_range


@dataclass(frozen=True)
class Found:
    """The result of a query: rows, whose `group` is an index into `groups`, and where the next page begins, if any.

    `stream` replaces rows and next page where the query asks for no page and a page can't hold all points.
    """

    groups: Sequence[Group]
    rows: Sequence[ResultRow]
    fields: Sequence[Field] = ()
    next_position: Sequence[int] | None = None
    stream: PointStream | None = None


@dataclass(frozen=True)
class Latest:
    """The last point of a series."""

    measurement: str
    tags: Tags
    row: ResultRow


@dataclass(frozen=True)
class LatestPage:
    """The last points of some series, by measurement and tags, and the position of the next page, if there is one."""

    found: Sequence[Latest]
    next_position: int | None


class Querying:
    """Reads points: raw, by windows, and the latest of each series."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: PointReader,
        *,
        transaction: Transaction,
        audit: AuditTrail,
        budget: Budget = BUDGET,
    ) -> None:
        self._buckets = buckets
        self._types = types
        self._points = points
        self._transaction = transaction
        self._audit = audit
        self._budget = budget

    def query(self, principal: Principal, document: QueryRequest, after: Sequence[int] | None) -> Found:
        """The result of a QueryRequest; `after` is the position where the previous page of raw points ended.

        Raises TS_001 for a bucket that is not the organization's, TS_005 for another person's points, TS_006
        over budget, TS_007 for an aggregate that a field does not support.
        """
        person = only_person(principal)
        start_ns, stop_ns = read_range(document)
        queries.require_within(after, start_ns, stop_ns)
        with self._transaction():
            bucket = find_bucket(self._buckets, principal, document["bucket"])
            require_own(document.get("tags"), person)
            shape = queries.read_shape(document, bucket.time_zone)
            selection = Selection(
                bucket.id or 0, document["measurement"], start_ns, stop_ns, document.get("tags") or {}, person
            )
            found = self._read(selection, shape, document.get("fields"), after)
            persons = self._persons(selection) if found.rows or found.stream else ()
        record_disclosure(self._audit, principal, "timeseries.query", persons, bucket.name)
        return found

    def _persons(self, selection: Selection) -> Sequence[str | None]:
        """The people whose points are read; empty for a caller who may read only their own, which is no disclosure."""
        if selection.person is not None:
            return ()
        if PERSON_TAG in selection.tags:
            return (selection.tags[PERSON_TAG],)
        groups = groups_of(self._points, selection, (PERSON_TAG,), self._budget.series)
        return [dict(group.tags).get(PERSON_TAG) for group in groups]

    def latest(self, principal: Principal, document: LatestRequest, after: int) -> LatestPage:
        """The result of a LatestRequest: the last point of each series of a page, by measurement and tags.

        `after` is the id of the last series of the previous page.

        Raises TS_001, TS_005.
        """
        person = only_person(principal)
        with self._transaction():
            bucket = find_bucket(self._buckets, principal, document["bucket"])
            tags = document.get("tags") or {}
            require_own(tags, person)
            limit = document.get("limit", queries.LATEST_SERIES)
            series = self._points.series(
                bucket.id or 0, document.get("measurement"), tags, person, after=after, limit=limit + 1
            )
            series, position = queries.cut_page(series, limit)
            shown = sorted(series, key=attrgetter("measurement", "tags"))
            fields = self._types.of_each(bucket.id or 0, {one.measurement for one in shown})
            rows = self._points.latest(bucket.id or 0, shown, fields, tags=tags, person=person)
        found = [Latest(shown[row.group].measurement, shown[row.group].tags, row) for row in rows]
        record_disclosure(
            self._audit, principal, "timeseries.latest", (dict(it.tags).get(PERSON_TAG) for it in found), bucket.name
        )
        return LatestPage(found, position)

    def _read(
        self, selection: Selection, shape: Shape, names: Sequence[str] | None, after: Sequence[int] | None
    ) -> Found:
        if selection.start_ns >= selection.stop_ns:  # beyond the years that nanoseconds can count
            return Found((), ())
        known = self._types.of(selection.bucket_id, selection.measurement)
        fields = [field for field in known if names is None or field.name in names]
        groups = groups_of(self._points, selection, _grouping(shape), self._budget.series)
        if shape.aggregate is not None:
            return Found(groups, self._windows(selection, shape, groups, fields), fields)
        limit = self._budget.page_points(shape.limit, len(fields))
        rows, position = self._points.points(
            selection, groups, fields, after=after, limit=limit, descending=shape.descending
        )
        if position is None or after is not None or shape.limit is not None:
            return Found(groups, rows, fields, position)
        stream = PointStream(self._points, selection, groups, fields, descending=shape.descending, budget=self._budget)
        self._budget.require_streamable(stream.count())
        return Found(groups, (), fields, None, stream)

    def _windows(
        self, selection: Selection, shape: Shape, groups: Sequence[Group], fields: Sequence[Field]
    ) -> Sequence[ResultRow]:
        assert shape.aggregate is not None
        queries.require_aggregate(shape.aggregate, fields)
        grid = queries.windows_of(shape, selection.start_ns, selection.stop_ns, len(groups) * len(fields))
        rows = self._points.windows(selection, groups, fields, shape.aggregate, grid)
        if shape.filled:
            empty = 0 if shape.aggregate == "count" else None
            rows = queries.fill(rows, grid, len(groups), fields, empty)
        return rows[::-1] if shape.descending else rows


def _grouping(shape: Shape) -> Sequence[str] | None:
    """Raw points stay with their series unless asked otherwise; aggregates are over all of them."""
    if shape.group_by is None and shape.aggregate is not None:
        return ()
    return shape.group_by
