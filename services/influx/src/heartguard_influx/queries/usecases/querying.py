"""Reading points: raw, by windows, and the latest of each series."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from operator import attrgetter

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import LatestRequest, QueryRequest
from heartguard_influx.buckets.access import find_bucket, may_name, only_person, record_disclosure, require_own
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.fields.domain import Field
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.queries.domain import query as queries
from heartguard_influx.queries.domain.query import BUDGET, Budget, ResultRow, Shape
from heartguard_influx.queries.ports import Asked, Located, PointReader, QuickReader
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
        quick: QuickReader | None = None,
    ) -> None:
        """`quick` is asked first, if given."""
        self._quick = quick
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
        tags = document.get("tags") or {}
        located = self._located(principal, document, person)
        # What was located at once is read by a statement more, which needs no transaction.
        with self._transaction() if located is None else nullcontext():
            bucket = located.bucket if located else find_bucket(self._buckets, principal, document["bucket"])
            require_own(tags, person)
            shape = queries.read_shape(document, bucket.time_zone)
            selection = Selection(bucket.id or 0, document["measurement"], start_ns, stop_ns, tags, person)
            found = self._read(selection, shape, document.get("fields"), after, located)
            persons = self._persons(selection) if found.rows or found.stream else ()
        record_disclosure(self._audit, principal, "timeseries.query", persons, bucket.name)
        return found

    def _located(self, principal: Principal, document: QueryRequest, person: int | None) -> Located | None:
        """The bucket, fields and groups of a QueryRequest; None where they are to be found one after the other."""
        if self._quick is None or not may_name(principal, document["bucket"]):
            return None
        tags = document.get("tags") or {}
        asked = Asked(principal.org_id or 0, document["bucket"], document["measurement"], tags, person)
        grouping = _grouping(document.get("group_by"), aggregated="aggregate" in document)
        return self._quick.located(asked, grouping, self._budget.series + 1)

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
        limit = document.get("limit", queries.LATEST_SERIES)
        found = self._last_points(principal, document, person, after=after, limit=limit)
        if found is None:
            found = self._last_points_step_by_step(principal, document, person, after=after, limit=limit)
        persons = (dict(it.tags).get(PERSON_TAG) for it in found.found)
        record_disclosure(self._audit, principal, "timeseries.latest", persons, document["bucket"])
        return found

    def _last_points(
        self, principal: Principal, document: LatestRequest, person: int | None, *, after: int, limit: int
    ) -> LatestPage | None:
        """The page, read at once; None where it is to be read step by step, or may not be read."""
        if self._quick is None or not may_name(principal, document["bucket"]):
            return None
        asked = Asked(
            principal.org_id or 0, document["bucket"], document.get("measurement"), document.get("tags") or {}, person
        )
        read = self._quick.last_points(asked, after=after, limit=limit + 1)
        if read is None:
            return None
        require_own(asked.tags, person)
        series, position = queries.cut_page(read.series, limit)
        shown = [
            Latest(series[row.group].measurement, series[row.group].tags, row)
            for row in read.rows
            if row.group < len(series)
        ]
        return LatestPage(sorted(shown, key=attrgetter("measurement", "tags")), position)

    def _last_points_step_by_step(
        self, principal: Principal, document: LatestRequest, person: int | None, *, after: int, limit: int
    ) -> LatestPage:
        tags = document.get("tags") or {}
        with self._transaction():
            bucket = find_bucket(self._buckets, principal, document["bucket"])
            require_own(tags, person)
            series = self._points.series(
                bucket.id or 0, document.get("measurement"), tags, person, after=after, limit=limit + 1
            )
            series, position = queries.cut_page(series, limit)
            shown = sorted(series, key=attrgetter("measurement", "tags"))
            fields = self._types.of_each(bucket.id or 0, {one.measurement for one in shown})
            rows = self._points.latest(bucket.id or 0, shown, fields, tags=tags, person=person)
        found = [Latest(shown[row.group].measurement, shown[row.group].tags, row) for row in rows]
        return LatestPage(found, position)

    def _read(
        self,
        selection: Selection,
        shape: Shape,
        names: Sequence[str] | None,
        after: Sequence[int] | None,
        located: Located | None,
    ) -> Found:
        if selection.start_ns >= selection.stop_ns:  # beyond the years that nanoseconds can count
            return Found((), ())
        if located is None:
            known = self._types.of(selection.bucket_id, selection.measurement)
            grouping = _grouping(shape.group_by, aggregated=shape.aggregate is not None)
            groups = groups_of(self._points, selection, grouping, self._budget.series)
        else:
            known, groups = located.fields, located.groups
            queries.require_series(sum(len(group.series) for group in groups), self._budget.series)
        fields = [field for field in known if names is None or field.name in names]
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


def _grouping(asked: Sequence[str] | None, *, aggregated: bool) -> Sequence[str] | None:
    """Raw points stay with their series unless asked otherwise; aggregates are over all of them."""
    return () if asked is None and aggregated else asked
