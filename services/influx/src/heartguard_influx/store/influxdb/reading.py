"""Reading points from an InfluxDB; their series are in PostgreSQL."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from operator import itemgetter

from heartguard_common.core.errors import ServiceError
from heartguard_common.stores.arrays import numbers
from heartguard_common.stores.database import Database, text
from heartguard_influx.errors import OVER_BUDGET, STORE_FAILED
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.queries.domain.query import Aggregate, ResultRow
from heartguard_influx.queries.domain.windows import Grid
from heartguard_influx.series.domain import Group, Selection, Series, Tags
from heartguard_influx.store.influxdb import flux
from heartguard_influx.store.influxdb.aggregates import Part, Sample, compute, join, label, partial_width
from heartguard_influx.store.influxdb.answers import Record, time_of
from heartguard_influx.store.influxdb.lines import EARLIEST_KEPT_NS, LATEST_KEPT_NS
from heartguard_influx.store.influxdb.pages import Members, Page, kinds_of
from heartguard_influx.store.influxdb.server import RefusedError, Server
from heartguard_influx.store.influxdb.slices import slices
from heartguard_influx.store.postgres.series import find_groups, find_series

BUCKET = "SELECT name, org_id, retention_days FROM heartguard_core.buckets WHERE id = :id"
COMPUTED_VALUES = 1_000_000
_COMBINABLE = frozenset({"mean", "min", "max", "sum", "count"})
_FROM_ONE_SERIES = frozenset({"first", "last", "stddev"})
_TAGS = """
SELECT id, tags, (
    SELECT count(*) FROM heartguard_core.series WHERE bucket_id = :bucket_id AND measurement = :measurement
) AS of_measurement
FROM heartguard_core.series WHERE id = ANY (cast(:ids AS bigint[]))
"""


class InfluxReader:
    """The part of the store that reads: series from `registry` (PostgreSQL), points from `server`."""

    def __init__(self, registry: Database, server: Server) -> None:
        self._registry = registry
        self._server = server

    def groups(self, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None) -> Sequence[Group]:
        """The series of a selection in groups that share the tags of `group_by`, ordered by those tags.

        With `group_by` None each series is a group. At most `limit` series are read, where one is given.
        """
        with self._registry.transaction() as connection:
            return find_groups(connection, selection, group_by, limit)

    def series(
        self,
        bucket_id: int,
        measurement: str | None,
        tags: Mapping[str, str],
        person: int | None,
        *,
        after: int,
        limit: int,
    ) -> Sequence[Series]:
        """Up to `limit` series with an id above `after`, by id."""
        with self._registry.transaction() as connection:
            return find_series(connection, bucket_id, measurement, tags, person, after=after, limit=limit)

    def points(
        self,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        *,
        after: Sequence[int] | None,
        limit: int,
        descending: bool,
    ) -> tuple[Sequence[ResultRow], Sequence[int] | None]:
        """Up to `limit` points in order of time, then of series, and the position of the last if there are more."""
        selection = _kept(selection)
        if not groups or not fields or selection.start_ns >= selection.stop_ns:
            return (), None
        return self._page(selection, groups, fields, after, limit, descending=descending)

    def _page(
        self,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        after: Sequence[int] | None,
        limit: int,
        *,
        descending: bool,
        short: bool = False,
    ) -> tuple[Sequence[ResultRow], Sequence[int] | None]:
        """A page; of a `short` selection, which has about as many points, everything is read and sorted in Python."""
        members, others = self._members(selection, groups)
        position = None if after is None else (after[0], after[1])
        page = Page(members, position, limit, descending=descending)
        query = self._select(_beyond(selection, position, descending=descending), fields, others)
        if short:
            with self._read(flux.raw(query, kinds_of(fields))) as records:
                page.add(records)
        else:
            self._fill(page, query, fields)
        found = page.points()
        place = dict(members.values())
        rows = [ResultRow(place[series], time_ns, dict(sorted(of.items()))) for (time_ns, series), of in found[:limit]]
        return rows, found[limit - 1][0] if len(found) > limit else None

    def pages(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], *, limit: int, descending: bool
    ) -> Iterator[Sequence[ResultRow]]:
        """All points in order of time, then of series, up to `limit` at once.

        The server sorts the first page. If there are more, it counts values by windows, and the rest is read in slices
        of time that hold about a page each and are sorted in Python: the server would sort everything again for each
        page.
        """
        rows, position = self.points(selection, groups, fields, after=None, limit=limit, descending=descending)
        yield rows
        if position is None:
            return
        rest = _kept(_beyond(selection, (position[0], position[1]), descending=descending))
        values = limit * len(fields)
        parts = list(slices(rest.start_ns, rest.stop_ns, values, partial(self._histogram, rest, groups, fields)))
        for part in reversed(parts) if descending else parts:
            chosen = replace(rest, start_ns=part.start_ns, stop_ns=part.stop_ns)
            short = part.values <= values
            after: Sequence[int] | None = position
            while after is not None:
                rows, after = self._page(chosen, groups, fields, after, limit, descending=descending, short=short)
                if rows:
                    yield rows

    def _histogram(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], start: int, stop: int, width: int
    ) -> Mapping[int, int]:
        """The values of the groups in each window of a width that holds some, by the window's start."""
        members, others = self._members(selection, groups)
        query = self._select(replace(selection, start_ns=start, stop_ns=stop), fields, others)
        counts: dict[int, int] = {}
        with self._read(flux.by_windows(query, width, "count")) as records:
            for record in records:
                if record.tags in members:
                    window = (time_of(record) - 1) // width * width
                    counts[window] = counts.get(window, 0) + int(record.value or 0)
        return counts

    def _fill(self, page: Page, query: flux.Query, fields: Sequence[Field]) -> None:
        kinds = kinds_of(fields)
        limits = page.limits(kinds)
        bounds = {flux.result_name(place, kinds): most for place, (_, most) in enumerate(limits)}
        with self._read(flux.page(query, kinds, limits, descending=page.descending)) as records:
            certain = page.take(records, bounds)
        if not certain:
            # Rows of unregistered series took the place of others: a query by series returns all.
            each = max(count for count, _ in limits)
            with self._read(flux.page_of_each(query, kinds, each, descending=page.descending)) as records:
                page.add(records)

    def windows(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], aggregate: Aggregate, grid: Grid
    ) -> Sequence[ResultRow]:
        """The windows that hold points, by group and time.

        The server computes the aggregates that its partial results give exactly; the others are computed in Python
        from points. Raises TS_006 for more than COMPUTED_VALUES of these.
        """
        selection = _kept(selection)
        if not groups or not fields or selection.start_ns >= selection.stop_ns:
            return ()
        members, others = self._members(selection, groups)
        query = self._select(selection, fields, others)
        whole = len(grid) == 1
        width = None if whole else partial_width(grid)
        # The server's first and last of strings may be wrong in a window with empty strings (`flux.Kind`).
        single = all(len(group.series) == 1 for group in groups) and (
            whole or (width == grid.width_ns and fields[0].type != "string")
        )
        by_server = aggregate in _COMBINABLE or (aggregate in _FROM_ONE_SERIES and single)
        if len(fields) == 1 and by_server and (whole or width is not None):
            return join(fields[0], aggregate, self._partials(query, members, aggregate, grid, width))
        samples: dict[tuple[int, int], dict[str, list[Sample]]] = {}
        with self._read(flux.raw(query, kinds_of(fields))) as records:
            for count, record in enumerate(records):
                if count >= COMPUTED_VALUES:
                    text_ = f"{aggregate} takes at most {COMPUTED_VALUES} stored values"
                    raise ServiceError(OVER_BUDGET, f"{text_}; ask for a shorter range or fewer fields")
                member = members.get(record.tags)
                if member is not None and record.value is not None:
                    time_ns = time_of(record)
                    window = samples.setdefault((member[1], label(grid, time_ns)), {})
                    window.setdefault(record.field, []).append((time_ns, member[0], record.value))
        return compute(aggregate, fields, samples)

    def _partials(
        self, query: flux.Query, members: Members, aggregate: Aggregate, grid: Grid, width: int | None
    ) -> Iterator[Part]:
        functions = dict.fromkeys(("count", aggregate))
        asked = flux.totals(query, *functions) if width is None else flux.by_windows(query, width, *functions)
        counts: dict[tuple[Tags, int], int] = {}
        values: dict[tuple[Tags, int], Value | None] = {}
        with self._read(asked) as records:
            for record in records:
                # A part ends with its window or with the range; the instant before belongs to both.
                part = (record.tags, grid.starts[0] if width is None else time_of(record) - 1)
                if record.result == "count" or len(functions) == 1:
                    counts[part] = int(record.value or 0)
                else:
                    values[part] = record.value
        for (tags, time_ns), value in (values or counts).items():
            member = members.get(tags)
            if member is not None:
                # A point that was written between the two results is treated as written after both.
                yield (member[1], label(grid, time_ns)), value, counts.get((tags, time_ns), 1)

    def latest(
        self,
        bucket_id: int,
        series: Sequence[Series],
        fields: Mapping[str, Sequence[Field]],
        *,
        tags: Mapping[str, str],
        person: int | None,
    ) -> Sequence[ResultRow]:
        """The last point of each series, whose place is the row's group; series without a point are left out."""
        places: dict[str, dict[Tags, int]] = {}
        for place, one in enumerate(series):
            places.setdefault(one.measurement, {})[one.tags] = place
        rows: list[ResultRow] = []
        for measurement, members in places.items():
            if measurement in fields:
                chosen = Selection(bucket_id, measurement, EARLIEST_KEPT_NS, LATEST_KEPT_NS, tags, person)
                rows += self._latest(self._select(chosen, fields[measurement]), members)
        return sorted(rows, key=itemgetter(0))

    def _latest(self, query: flux.Query, members: Mapping[Tags, int]) -> Iterator[ResultRow]:
        found: dict[int, dict[int, dict[str, Value | None]]] = {}
        with self._read(flux.totals(query, "last")) as records:
            for record in records:
                place = members.get(record.tags)
                if place is not None:
                    found.setdefault(place, {}).setdefault(time_of(record), {})[record.field] = record.value
        for place, times in found.items():
            # The last value of a field that the last point doesn't have is of an earlier time.
            time_ns, values = max(times.items())
            yield ResultRow(place, time_ns, dict(sorted(values.items())))

    def _count_values(self, query: flux.Query, members: Members | None = None) -> int:
        """How many values a query finds, only of `members` where given."""
        with self._read(flux.totals(query, "count")) as records:
            counts = [record.value for record in records if members is None or record.tags in members]
        return sum(count for count in counts if isinstance(count, int))

    def _members(self, selection: Selection, groups: Sequence[Group]) -> tuple[Members, Sequence[Tags]]:
        """The series of the groups, and those to name in the query: none if the measurement has no others."""
        place = {series: index for index, group in enumerate(groups) for series in group.series}
        values = {"ids": numbers(place), "bucket_id": selection.bucket_id, "measurement": selection.measurement}
        with self._registry.transaction() as connection:
            rows = connection.execute(text(_TAGS), values).all()
        members = {tuple(sorted(row.tags.items())): (row.id, place[row.id]) for row in rows}
        return members, list(members) if rows and rows[0].of_measurement > len(members) else ()

    def _select(self, selection: Selection, fields: Sequence[Field], series: Sequence[Tags] = ()) -> flux.Query:
        names = [field.name for field in fields]
        return flux.select(self._name(selection.bucket_id), selection, names, series)

    def _name(self, bucket_id: int) -> str:
        with self._registry.transaction() as connection:
            return str(connection.execute(text(BUCKET), {"id": bucket_id}).scalar() or "")

    @contextmanager
    def _read(self, query: flux.Query) -> Iterator[Iterator[Record]]:
        """The rows of an answer, none if InfluxDB has no such bucket yet; releases the connection after the block."""
        with closing(self._server.query(query)) as records:
            try:
                yield records
            except RefusedError as refusal:
                raise ServiceError(STORE_FAILED) from refusal


def _kept(selection: Selection) -> Selection:
    """The part of a selection in the years whose points are kept: only there windows are safe (see `lines`)."""
    start, stop = max(selection.start_ns, EARLIEST_KEPT_NS), min(selection.stop_ns, LATEST_KEPT_NS)
    return replace(selection, start_ns=start, stop_ns=stop)


def _beyond(selection: Selection, position: tuple[int, int] | None, *, descending: bool) -> Selection:
    """The part of a selection from a position on, including the instant of the position."""
    start, stop = selection.start_ns, selection.stop_ns
    if position is not None:
        start, stop = (start, min(stop, position[0] + 1)) if descending else (max(start, position[0]), stop)
    return replace(selection, start_ns=start, stop_ns=stop)
