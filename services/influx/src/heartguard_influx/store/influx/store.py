"""Points in InfluxDB. What must be known before a batch is sent stays in PostgreSQL: buckets, field types, series."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from operator import itemgetter

from sqlalchemy import Connection, exc, text

from heartguard_common.database import Database
from heartguard_common.errors import ServiceError
from heartguard_common.limit_store import PostgresLimits
from heartguard_common.limits import Limits
from heartguard_influx.domain.bucket import own_name
from heartguard_influx.domain.point import EARLIEST_NS, LATEST_NS, PERSON_TAG, Point, Sender, Tags, Value, Verdict
from heartguard_influx.domain.query import Aggregate, Field, Group, Row, Selection, Series
from heartguard_influx.domain.windows import Grid
from heartguard_influx.errors import NO_BUCKET, OVER_BUDGET, STORE_FAULT
from heartguard_influx.store.arrays import numbers
from heartguard_influx.store.buckets import PostgresBuckets
from heartguard_influx.store.counts import PointCounts, removed
from heartguard_influx.store.influx import flux
from heartguard_influx.store.influx.aggregates import Part, Sample, compute, join, label, partial_width
from heartguard_influx.store.influx.answers import Record, time_of
from heartguard_influx.store.influx.lines import unkeepable
from heartguard_influx.store.influx.sending import Outcome, send
from heartguard_influx.store.influx.server import RefusedError, Server
from heartguard_influx.store.series import find_groups, find_series, series_ids

COMPUTED_VALUES = 1_000_000
_SERVERS_AGGREGATES = frozenset({"mean", "min", "max", "sum", "count"})
_OF_ONE_SERIES = frozenset({"first", "last", "stddev"})

_BUCKET = "SELECT name, org_id, retention_days FROM heartguard_core.buckets WHERE id = :id"
_NAMES = "SELECT name FROM heartguard_core.buckets WHERE org_id = :org_id"
_HOLD = f"{_BUCKET} FOR KEY SHARE"
_LOCK = "SELECT FROM heartguard_core.buckets WHERE id = :id FOR UPDATE"
_TAGS = "SELECT id, tags FROM heartguard_core.series WHERE id = ANY (cast(:ids AS bigint[]))"
_FORGET = """
DELETE FROM heartguard_core.series
WHERE bucket_id = :id AND (cast(:person AS bigint) IS NULL OR user_id = :person)
"""
_Members = Mapping[Tags, tuple[int, int]]
"""The series of a query by their tags: its number and the place of its group."""


class InfluxBuckets(PostgresBuckets):
    """Buckets in PostgreSQL whose points are in InfluxDB, in a bucket of the same name."""

    def __init__(self, database: Database, server: Server, limits: Limits | None = None) -> None:
        super().__init__(database, limits)
        self._registry = database
        self._server = server

    def remove(self, bucket_id: int) -> int:
        """Remove a bucket here and there; returns how many buckets that were."""
        with self._registry.transaction() as connection:
            # Locked first, so that nobody registers a series between the end of those there are and the end of the row.
            connection.execute(text(_LOCK), {"id": bucket_id})
            row = connection.execute(text(_BUCKET), {"id": bucket_id}).first()
            connection.execute(text(_FORGET), {"id": bucket_id, "person": None})
            removed = super().remove(bucket_id)
            if row is not None:
                # Before the row's end can be seen: whoever finds no bucket there looks for the row before making one.
                self._server.remove_bucket(row.name)
            return removed


class InfluxStore:
    """The time-series store made of an InfluxDB 2.

    `registry` must be a pool whose transactions are its own: what is registered there has to outlive a batch that
    fails, since part of the batch may have been stored.
    """

    # A batch is sent at most 5 s after its permission, and given up after 17 s more (see `Patience`). Before that come
    # statements of PostgreSQL, each of which ends within 25 s: they may leave a series or a bucket, and no point.
    settled_seconds = 60.0

    def __init__(self, registry: Database, server: Server, limits: PostgresLimits | None = None) -> None:
        """`limits` of the registry; without them nothing is counted."""
        self._registry = registry
        self._server = server
        self._limits = limits
        self._counts = None if limits is None else PointCounts(limits)

    def fault(self, point: Point) -> str | None:
        """Why InfluxDB can't keep the point as it is, or None."""
        return unkeepable(point)

    def write(
        self,
        bucket_id: int,
        points: Sequence[Point],
        sender: Sender | None = None,
        require: Callable[[], None] = lambda: None,
    ) -> Sequence[Verdict]:
        """Store points whose field types are registered; `stored` or `rejected` for each, in order.

        `require` is called before each part of them is sent. Raises what it raises, TS_001 when the bucket is deleted
        meanwhile, TS_030 to TS_033 when the server is no help, and what limits refuse. Values are counted before they
        are sent, and those that the server refuses are taken back; what it replaced it does not say, so a value that
        is written again counts again.
        """
        try:
            with self._registry.transaction() as connection:
                name = connection.execute(text(_BUCKET), {"id": bucket_id}).scalar()
                series = {(point.measurement, point.tags) for point in points}
                series_ids(connection, bucket_id, series, self._limits)
                if name is not None:
                    self._count(connection, sender, points)
        except exc.IntegrityError as error:
            raise ServiceError(NO_BUCKET) from error
        if name is None:
            raise ServiceError(NO_BUCKET)

        def deliver(lines: Sequence[str]) -> Outcome | None:
            require()
            try:
                self._deliver(bucket_id, name, lines)
            except RefusedError as refusal:
                return Outcome(refusal.message)
            return None

        try:
            verdicts = send(points, deliver)
        except ServiceError:
            self._take_back(sender, points)
            raise
        self._take_back(sender, [point for point, it in zip(points, verdicts, strict=True) if it.status == "rejected"])
        return verdicts

    def _count(self, connection: Connection, sender: Sender | None, points: Sequence[Point]) -> None:
        if self._counts is not None and sender is not None:
            amount = sum(len(point.fields) for point in points)
            self._counts.admit(connection, sender, amount)
            self._counts.count(connection, sender, amount, amount)

    def _take_back(self, sender: Sender | None, points: Sequence[Point]) -> None:
        amount = sum(len(point.fields) for point in points)
        if self._counts is not None and sender is not None and amount:
            with self._registry.transaction() as connection:
                self._counts.count(connection, sender, -amount, -amount)

    def tidy(self, bucket_id: int, groups: Sequence[Group]) -> None:
        """Nothing: a batch on its way to the server holds no lock here, so its series must stay."""

    def settle(self) -> None:
        """Add up the counts of days that are over; where much is stored, count what there is.

        What was written twice, and what the server removed by itself, is in the sums and not in the server.
        """
        if self._counts is None:
            return
        with self._registry.transaction() as connection:
            self._counts.fold(connection)
            much = self._counts.much(connection)
        for org_id, stored in much.items():
            with self._registry.transaction() as connection:
                names = connection.execute(text(_NAMES), {"org_id": org_id}).scalars().all()
            count = sum(self._stored(name, None) for name in names)
            with self._registry.transaction() as connection:
                self._counts.correct(connection, org_id, count - stored)

    def _stored(self, name: str, person: int | None) -> int:
        """How many values a bucket has, or one person's there."""
        counted = flux.totals(flux.everything(name, EARLIEST_NS, LATEST_NS, person), "count")
        return sum(record.value for record in self._read(counted) if isinstance(record.value, int))

    def _deliver(self, bucket_id: int, name: str, lines: Sequence[str]) -> None:
        try:
            self._server.write(name, lines)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
            self._make(bucket_id)
            self._server.write(name, lines)

    def _make(self, bucket_id: int) -> None:
        """Make the bucket in InfluxDB, which has none before the first point comes."""
        with self._registry.transaction() as connection:
            row = connection.execute(text(_HOLD), {"id": bucket_id}).first()
            if row is None:
                raise ServiceError(NO_BUCKET)
            # How long the organization's own bucket keeps points is a setting that changes: not the server's matter.
            days = None if row.name == own_name(row.org_id) else row.retention_days
            self._server.make_bucket(row.name, days)

    def groups(self, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None) -> Sequence[Group]:
        """The series of a selection as they are answered together, by tags; None keeps each by itself.

        Not more than `limit` series are looked at, where one is given.
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
        """Up to `limit` series with a number above `after`, by number."""
        with self._registry.transaction() as connection:
            return find_series(connection, bucket_id, measurement, tags, person, after=after, limit=limit)

    def holds(self, bucket_id: int, measurement: str, field: Field) -> bool:
        """Whether a point with this field is stored."""
        everything = Selection(bucket_id, measurement, EARLIEST_NS, LATEST_NS, {})
        return any(True for _ in self._read(flux.totals(self._select(everything, [field]), "first")))

    def points(
        self,
        selection: Selection,
        groups: Sequence[Group],
        fields: Sequence[Field],
        *,
        after: Sequence[int] | None,
        limit: int,
        descending: bool,
    ) -> tuple[Sequence[Row], Sequence[int] | None]:
        """Up to `limit` points in order of time, then of series, and the position of the last if there are more."""
        if not groups or not fields:
            return (), None
        members = self._members(groups)
        position = None if after is None else (after[0], after[1])
        query = flux.first_of_each(
            self._select(_beyond(selection, position, descending=descending), fields),
            # One more tells whether there is another page; another stands where the page before ended.
            limit + 2,
            descending=descending,
        )
        smallest = nlargest if descending else nsmallest
        found: dict[tuple[int, int], dict[str, Value | None]] = {}
        for record in self._read(query):
            member = members.get(record.tags)
            if member is None:
                continue
            key = (time_of(record), member[0])
            if position is not None and (key >= position if descending else key <= position):
                continue
            found.setdefault(key, {})[record.field] = record.value
            if len(found) > 8 * limit + 1000:
                found = {best: found[best] for best in smallest(limit + 1, found)}
        shown = smallest(limit + 1, found)
        place = dict(members.values())
        rows = [Row(place[key[1]], key[0], dict(sorted(found[key].items()))) for key in shown[:limit]]
        return rows, shown[limit - 1] if len(shown) > limit else None

    def windows(
        self, selection: Selection, groups: Sequence[Group], fields: Sequence[Field], aggregate: Aggregate, grid: Grid
    ) -> Sequence[Row]:
        """The windows that hold points, by group and time.

        The server computes what it computes exactly; the rest is computed here from its points, up to
        COMPUTED_VALUES of them: beyond that TS_006 is raised.
        """
        if not groups or not fields:
            return ()
        members = self._members(groups)
        whole = len(grid) == 1
        width = None if whole else partial_width(grid)
        single = all(len(group.series) == 1 for group in groups) and (whole or width == grid.width_ns)
        by_server = aggregate in _SERVERS_AGGREGATES or (aggregate in _OF_ONE_SERIES and single)
        if len(fields) == 1 and by_server and (whole or width is not None):
            parts = self._partials(self._select(selection, fields), members, aggregate, grid, width)
            return join(fields[0], aggregate, parts)
        samples: dict[tuple[int, int], dict[str, list[Sample]]] = {}
        for count, record in enumerate(self._read(self._select(selection, fields))):
            if count >= COMPUTED_VALUES:
                advice = "ask for a shorter range or fewer fields"
                raise ServiceError(OVER_BUDGET, f"{aggregate} takes at most {COMPUTED_VALUES} stored values; {advice}")
            member = members.get(record.tags)
            if member is not None and record.value is not None:
                time_ns = time_of(record)
                window = samples.setdefault((member[1], label(grid, time_ns)), {})
                window.setdefault(record.field, []).append((time_ns, member[0], record.value))
        return compute(aggregate, fields, samples)

    def _partials(
        self, query: flux.Query, members: _Members, aggregate: Aggregate, grid: Grid, width: int | None
    ) -> Iterator[Part]:
        def ask(function: str) -> Iterator[tuple[tuple[Tags, int], Value | None]]:
            asked = flux.totals(query, function) if width is None else flux.by_windows(query, function, width)
            for record in self._read(asked):
                # A part ends where its window or the range does; the instant before is inside both.
                yield (record.tags, grid.starts[0] if width is None else time_of(record) - 1), record.value

        counts = {key: int(value) for key, value in ask("count") if isinstance(value, int)}
        values = ask(aggregate) if aggregate != "count" else iter(counts.items())
        for (tags, time_ns), value in values:
            member = members.get(tags)
            if member is not None:
                # A point that came between the two questions is not counted, as if it had come after both.
                yield (member[1], label(grid, time_ns)), value, counts.get((tags, time_ns), 1)

    def latest(
        self,
        bucket_id: int,
        series: Sequence[Series],
        fields: Mapping[str, Sequence[Field]],
        *,
        tags: Mapping[str, str],
        person: int | None,
    ) -> Sequence[Row]:
        """The last point of each series, its place as the group; series without a point are left out."""
        places: dict[str, dict[Tags, int]] = {}
        for place, one in enumerate(series):
            places.setdefault(one.measurement, {})[one.tags] = place
        rows: list[Row] = []
        for measurement, members in places.items():
            if measurement in fields:
                chosen = Selection(bucket_id, measurement, EARLIEST_NS, LATEST_NS, tags, person)
                rows += self._latest(self._select(chosen, fields[measurement]), members)
        return sorted(rows, key=itemgetter(0))

    def _latest(self, query: flux.Query, members: Mapping[Tags, int]) -> Iterator[Row]:
        found: dict[int, dict[int, dict[str, Value | None]]] = {}
        for record in self._read(flux.totals(query, "last")):
            place = members.get(record.tags)
            if place is not None:
                found.setdefault(place, {}).setdefault(time_of(record), {})[record.field] = record.value
        for place, times in found.items():
            # A field that the last point does not carry has its last value at an earlier time.
            time_ns, values = max(times.items())
            yield Row(place, time_ns, dict(sorted(values.items())))

    def delete(self, selection: Selection, groups: Sequence[Group]) -> int:
        """Remove the points of a selection, whose series the groups are; returns how many values that were."""
        members = self._members(groups)
        query = self._select(selection, [])
        counted = (record for record in self._read(flux.totals(query, "count")) if record.tags in members)
        count = sum(record.value for record in counted if isinstance(record.value, int))
        if count:
            columns = {"_measurement": selection.measurement, **selection.tags}
            if selection.person is not None:
                columns[PERSON_TAG] = str(selection.person)
            self._delete(self._name(selection.bucket_id), selection.start_ns, selection.stop_ns, columns)
            with self._registry.transaction() as connection:
                removed(connection, selection.bucket_id, count)
        return count

    def erase(self, bucket_ids: Sequence[int], person: int | None) -> int:
        """Remove the points of buckets, or one person's there; returns how many values that were."""
        return sum(self._erase(bucket_id, person) for bucket_id in bucket_ids)

    def _erase(self, bucket_id: int, person: int | None) -> int:
        with self._registry.transaction() as connection:
            connection.execute(text(_LOCK), {"id": bucket_id})
            name = connection.execute(text(_BUCKET), {"id": bucket_id}).scalar()
            if name is None:
                return 0
            count = self._stored(name, person)
            self._delete(name, EARLIEST_NS, LATEST_NS, {} if person is None else {PERSON_TAG: str(person)})
            connection.execute(text(_FORGET), {"id": bucket_id, "person": person})
            removed(connection, bucket_id, count)
            return count

    def _delete(self, name: str, start_ns: int, stop_ns: int, columns: Mapping[str, str]) -> None:
        try:
            self._server.delete(name, start_ns, stop_ns, flux.predicate(columns))
        except RefusedError as refusal:
            if refusal.status != 404:
                raise ServiceError(STORE_FAULT) from refusal

    def _members(self, groups: Sequence[Group]) -> dict[Tags, tuple[int, int]]:
        place = {series: index for index, group in enumerate(groups) for series in group.series}
        with self._registry.transaction() as connection:
            rows = connection.execute(text(_TAGS), {"ids": numbers(place)}).all()
        return {tuple(sorted(row.tags.items())): (row.id, place[row.id]) for row in rows}

    def _select(self, selection: Selection, fields: Sequence[Field]) -> flux.Query:
        return flux.select(self._name(selection.bucket_id), selection, [field.name for field in fields])

    def _name(self, bucket_id: int) -> str:
        with self._registry.transaction() as connection:
            return str(connection.execute(text(_BUCKET), {"id": bucket_id}).scalar() or "")

    def _read(self, query: flux.Query) -> Iterator[Record]:
        """The rows of an answer; none where InfluxDB has no such bucket yet."""
        try:
            yield from self._server.query(query)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise ServiceError(STORE_FAULT) from refusal


def _beyond(selection: Selection, position: tuple[int, int] | None, *, descending: bool) -> Selection:
    """What is left of a selection after a position; the instant of the position is still part of it."""
    start, stop = selection.start_ns, selection.stop_ns
    if position is not None:
        start, stop = (start, min(stop, position[0] + 1)) if descending else (max(start, position[0]), stop)
    return Selection(
        selection.bucket_id, selection.measurement, start, stop, tags=selection.tags, person=selection.person
    )
