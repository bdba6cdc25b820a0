"""Windows from sums of days against a dictionary of points: after writes in any order, changes, removals and runs."""

import statistics
import threading
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.database import text
from heartguard_influx.fields.domain import Field
from heartguard_influx.points.domain.point import Point
from heartguard_influx.queries.domain.windows import Every, grid
from heartguard_influx.series.domain import Group, Selection
from heartguard_influx.store.postgres import DaySums, PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.store.postgres.day_sums import DAY_NS, HOUR_NS
from heartguard_influx.store.postgres.reading import windows_of_sums
from tests.clocks import MovableClock
from tests.people import found
from tests.servers import Database

AGGREGATES = {"mean": statistics.fmean, "min": min, "max": max, "sum": sum, "count": len}
DAYS = 5
NAME = "heart_rate"


class Bucket:
    """A bucket with two series, whose points a dictionary mirrors: (series, time) -> value."""

    def __init__(self, pool: Pool, org_id: int, name: str) -> None:
        buckets = PostgresBuckets(pool)
        assert buckets.create(org_id, name, None)
        bucket = buckets.find(org_id, name)
        assert bucket is not None
        assert bucket.id is not None
        self.id, self.pool = bucket.id, pool
        self.clock = MovableClock()
        self.today = self.clock.now_ns() // DAY_NS
        self.store = PostgresStore(pool, clock=self.clock)
        self.sums = DaySums(pool, self.clock)
        PostgresFieldTypes(pool).register(bucket.id, {(NAME, "bpm"): "float"})
        self.points: dict[tuple[str, int], float] = {}

    @property
    def begin(self) -> int:
        return (self.today - DAYS) * DAY_NS

    def write(self, points: dict[tuple[str, int], float]) -> None:
        self.store.write(self.id, [self.point(*key, value) for key, value in points.items()])
        self.points |= points

    @staticmethod
    def point(device: str, time_ns: int, value: float) -> Point:
        return Point(NAME, (("device", device),), {"bpm": value}, time_ns)

    def remove(self, start_ns: int, stop_ns: int) -> None:
        self.store.delete(self.selection(start_ns, stop_ns), self.groups())
        self.points = {key: value for key, value in self.points.items() if not start_ns <= key[1] < stop_ns}

    def add_up(self) -> None:
        while self.sums.run() < 2:
            pass

    def selection(self, start_ns: int, stop_ns: int) -> Selection:
        return Selection(self.id, NAME, start_ns, stop_ns, {})

    def groups(self, *by: str) -> list[Group]:
        return list(self.store.groups(self.selection(0, 1), by))

    def fields(self) -> list[Field]:
        return list(PostgresFieldTypes(self.pool).of(self.id, NAME))

    def filled(self) -> int:
        """How many days of its series are added up."""
        statement = """SELECT count(*) FROM heartguard_core.day_sums AS h JOIN heartguard_core.series AS s
            ON s.id = h.series_id WHERE s.bucket_id = :bucket_id AND h.counts IS NOT NULL"""
        with self.pool.transaction() as connection:
            return int(connection.execute(text(statement), {"bucket_id": self.id}).scalar_one())

    def check(self, every: str, start_ns: int, stop_ns: int, zone: str = "Europe/Madrid") -> None:
        """Compare the windows of each aggregate, over both series and of each, with the dictionary."""
        windows = grid(Every.parse(every), zone, start_ns, stop_ns)
        selection, fields = self.selection(start_ns, stop_ns), self.fields()
        for by in ((), ("device",)):
            groups = self.groups(*by)
            expected: dict[tuple[int, int], list[float]] = defaultdict(list)
            places = {dict(group.tags).get("device"): place for place, group in enumerate(groups)}
            for (device, time_ns), value in sorted(self.points.items()):
                if start_ns <= time_ns < stop_ns:
                    label = max(it for it in windows.starts if it <= time_ns)
                    expected[places[device] if by else 0, label].append(value)
            for aggregate, reference in AGGREGATES.items():
                assert windows_of_sums(selection, fields, aggregate, windows)
                rows = self.store.windows(selection, groups, fields, aggregate, windows)
                assert all(isinstance(it.values["bpm"], float) or aggregate == "count" for it in rows)
                assert all(type(it.points) is int for it in rows)
                read = {(it.group, it.time_ns): (it.values["bpm"], it.points) for it in rows}
                assert read == {
                    key: (pytest.approx(reference(values)), len(values)) for key, values in expected.items()
                }


@pytest.fixture(scope="module")
def pool(module_database: Database) -> Iterator[Pool]:
    made = Pool(module_database.url_for("influx"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def org_id(module_database: Database) -> int:
    return found(module_database)


_names = iter(range(1_000_000))


def fresh(pool: Pool, org_id: int) -> Bucket:
    return Bucket(pool, org_id, f"org_{org_id}_sums_{next(_names)}")


MINUTES = st.integers(0, (DAYS + 1) * 1440 - 1)
WRITES = st.dictionaries(
    st.tuples(st.sampled_from(["watch", "strap"]), MINUTES), st.integers(30, 220).map(float), min_size=1, max_size=40
)
STEPS = st.one_of(
    WRITES.map(lambda it: ("write", it)),
    st.tuples(MINUTES, MINUTES).map(lambda it: ("remove", (min(it), max(it) + 1))),
    st.just(("add up", None)),
    st.just(("next day", None)),
)


@given(st.lists(STEPS, min_size=1, max_size=8), st.sampled_from(["5m", "15m", "35m", "1h", "7h", "1d", "1w"]), MINUTES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_are_those_of_the_points_whatever_happened_before(pool, org_id, steps, every, begin):
    bucket = fresh(pool, org_id)
    minute = HOUR_NS // 60
    for step, what in steps:
        if step == "write":
            bucket.write({(device, bucket.begin + at * minute): value for (device, at), value in what.items()})
        elif step == "remove":
            bucket.remove(bucket.begin + what[0] * minute, bucket.begin + what[1] * minute)
        elif step == "next day":
            bucket.clock.forward(86_400)
        else:
            bucket.add_up()
    start = min(bucket.begin + begin * minute, bucket.begin + (DAYS - 3) * DAY_NS)
    bucket.check(every, start, bucket.begin + (DAYS + 1) * DAY_NS)
    bucket.add_up()
    bucket.check(every, start, bucket.begin + (DAYS + 1) * DAY_NS)


def test_days_that_are_over_are_added_up_once_and_again_after_late_points(pool: Pool, org_id: int) -> None:
    bucket = fresh(pool, org_id)
    hours = range((DAYS + 1) * 24)
    bucket.write({("watch", bucket.begin + hour * HOUR_NS): float(60 + hour % 7) for hour in hours})
    bucket.add_up()
    over = (bucket.clock.now_ns() - 2 * HOUR_NS) // DAY_NS - (bucket.today - DAYS)
    assert bucket.filled() == over
    bucket.write({("watch", bucket.begin + 2 * DAY_NS + 5): 200.0})
    assert bucket.filled() == over - 1
    bucket.add_up()
    assert bucket.filled() == over
    bucket.check("1d", bucket.begin, bucket.begin + (DAYS + 1) * DAY_NS)
    bucket.remove(bucket.begin, bucket.begin + 2 * DAY_NS)
    bucket.add_up()
    assert bucket.filled() == over - 2
    bucket.store.erase([bucket.id], None)
    assert bucket.filled() == 0


@pytest.mark.parametrize("row", ["absent", "due", "filled"])
def test_a_day_is_not_added_up_while_somebody_changes_it(pool: Pool, org_id: int, row: str) -> None:
    """What is not committed yet is in the sums afterwards, whatever the day's row was before."""
    bucket = fresh(pool, org_id)
    today, stop = bucket.today * DAY_NS, (bucket.today + 1) * DAY_NS
    bucket.write({("watch", today): 60.0})
    bucket.clock.forward(3 * 86_400)
    if row == "due":
        bucket.write({("watch", today + 1): 61.0})
    elif row == "filled":
        bucket.add_up()
    for change in (lambda: bucket.write({("watch", today + HOUR_NS): 180.0}), lambda: bucket.remove(today, today + 1)):
        with pool.transaction():
            change()
            task = threading.Thread(target=bucket.add_up)
            task.start()
            task.join(0.5)
        task.join(60)
        assert not task.is_alive()
        bucket.check("1d", bucket.begin, stop)
        bucket.add_up()
        assert bucket.filled() == 1
        bucket.check("1h", bucket.begin, stop)
