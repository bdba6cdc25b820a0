"""Small batches that are stored in one transaction: each with its own result, whatever becomes of the others."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from uuid import uuid4

import pytest

from heartguard_common.core.limit_table import BY_NAME
from heartguard_common.identity.api_key import ApiKey
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_influx.points.domain.point import Point
from heartguard_influx.points.ports import SmallWrite, StoredBatch
from heartguard_influx.store.postgres import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.store.postgres.small_writes import SmallWrites
from heartguard_influx.usecases import Stores, UseCases
from tests.clocks import MovableClock
from tests.people import found, join, limit, owner
from tests.servers import Database, until
from tests.store.influx.conftest import Silent

TIME = 1_717_236_000_000_000_000


@dataclass
class Writers:
    """Five members of an organization whose series and fields are known, and the writer of small batches."""

    database: Database
    org_id: int
    members: list[int]
    small: SmallWrites
    usecases: UseCases
    pool: Pool
    announce: list[Callable[[Sequence[StoredBatch]], object]]

    @property
    def bucket(self) -> str:
        return f"org_{self.org_id}"

    def batch(self, member: int, second: int = 0, **changes: object) -> SmallWrite:
        """A batch of one heart rate of a member."""
        principal = Principal("person", "user", user_id=member, org_id=self.org_id, session_id=f"s{member}")
        point = Point("heart_rate", (("user_id", str(member)),), {"bpm": 72.0}, TIME + second * 10**9)
        made = SmallWrite(principal, self.bucket, [point], frozenset({member}), lambda _: True)
        return replace(made, **changes)

    def together(self, *batches: SmallWrite) -> list[str | None]:
        """The status of each batch of one point; the first waits until all others wait for it, and is in no group."""
        release = Event()
        first = self.batch(self.members[0], 1000, acceptable=lambda _: not release.wait(20))
        with ThreadPoolExecutor(len(batches) + 1) as threads:
            leading = threads.submit(self.small.write, first)
            writing = []
            for place, batch in enumerate(batches, 1):
                writing.append(threads.submit(self.small.write, batch))
                until(lambda place=place: self.small.waiting == place, "batches that wait")
            release.set()
            assert leading.result(20) is None
            results = [it.result(20) for it in writing]
        return [None if verdicts is None else verdicts[0].status for verdicts in results]

    def alone(self, member: int, second: int) -> str:
        """The status of a point that is written by the use case."""
        document = {
            "measurement": "heart_rate",
            "tags": {"user_id": str(member)},
            "fields": {"bpm": 72},
        }
        principal = self.batch(member).principal
        times = [TIME + second * 10**9]
        return self.usecases.writing.write(principal, self.bucket, [document], atomic=False, times_ns=times)[0].status

    def stored(self) -> list[tuple[int, int]]:
        """For each point since TIME its owner and second."""
        with owner(self.database) as cursor:
            cursor.execute(
                "SELECT s.user_id, (p.time_ns - %s) / 1000000000 FROM heartguard_core.points AS p"
                " JOIN heartguard_core.series AS s ON s.id = p.series_id WHERE p.time_ns >= %s ORDER BY 1, 2",
                (TIME, TIME),
            )
            return cursor.fetchall()

    def do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with owner(self.database) as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def writers(database: Database) -> Iterator[Writers]:
    pool = Pool(database.url_for("influx"))
    clock = MovableClock()
    limits = PostgresLimits(pool, clock, {name: it.default for name, it in BY_NAME.items()})
    store = PostgresStore(pool, limits)
    announce: list[Callable[[Sequence[StoredBatch]], object]] = []
    small = store.small_writer(lambda batches: [it(batches) for it in announce])
    stores = Stores(
        PostgresBuckets(pool, limits),
        PostgresFieldTypes(pool, limits),
        store,
        pool.transaction,
        Silent(),
        clock,
        PostgresAuthority(pool),
        pool.transaction,
        small=small,
    )
    org_id = found(database)
    members = [join(database, org_id) for _ in range(5)]
    made = Writers(database, org_id, members, small, UseCases.over(stores), pool, announce)
    for member in made.members:
        for second in (-2, -1):
            assert made.alone(member, second) == "created"
    yield made
    pool.close()


def test_what_waits_together_is_stored_in_one_transaction_and_counted_for_each(writers):
    batches = [writers.batch(member, place) for place, member in enumerate(writers.members)]
    assert writers.together(*batches) == ["created"] * 5
    assert writers.stored() == [(member, place) for place, member in enumerate(writers.members)]
    assert writers.do("SELECT count(DISTINCT xmin::text) FROM heartguard_core.points WHERE time_ns >= %s", TIME) == [
        (1,)
    ]
    sums = "SELECT subject::int, used FROM heartguard_core.daily_counts WHERE name = %s ORDER BY 1"
    used = writers.do(sums, "points_per_day_per_member")
    assert used == [(member, 3) for member in writers.members]
    counted = "SELECT sum(written), sum(stored) FROM heartguard_core.point_counts WHERE org_id = %s"
    assert writers.do(counted, writers.org_id) == [(15, 15)]
    again = [writers.batch(member, place) for place, member in enumerate(writers.members)]
    again[0] = replace(again[0], points=[again[0].points[0]._replace(fields={"bpm": 73.0})])
    assert writers.together(*again) == ["updated", *["duplicate"] * 4]
    assert writers.do(counted, writers.org_id) == [(16, 15)]


POINTS = {
    "new series": lambda point: point._replace(tags=(*point.tags, ("where", "left"))),
    "new field": lambda point: point._replace(fields={"bpm": 72.0, "other": 1.0}),
    "other type": lambda point: point._replace(fields={"bpm": True}),
}
CHANGES = {
    "session ended": "INSERT INTO heartguard_core.revoked_tokens (kind, value, reason, revoked_at, expires_at)"
    " SELECT 'sid', 's' || %s, 'logout', now(), now() + interval '1 hour'",
    "demoted": "UPDATE heartguard_core.users SET role = 'manager' WHERE id = %s",
    "deleted": "UPDATE heartguard_core.users SET deleted_at = now() WHERE id = %s",
}


def unusual(writers: Writers, what: str, member: int) -> SmallWrite:
    """A batch that must not be stored here."""
    batch = writers.batch(member, 50)
    if what in POINTS:
        return replace(batch, points=[POINTS[what](batch.points[0])])
    if what in CHANGES:
        writers.do(CHANGES[what], member)
        return batch
    if what == "no bucket":
        return replace(batch, bucket=f"{writers.bucket}_none")
    return replace(batch, acceptable=lambda _: False)


@pytest.mark.parametrize("what", [*POINTS, *CHANGES, "no bucket", "rejected"])
def test_what_is_unusual_is_left_to_the_ordinary_way_and_changes_nothing_for_others(writers, what):
    *others, last = writers.members
    batches = [writers.batch(member) for member in others]
    assert writers.together(*batches[:2], unusual(writers, what, last), *batches[2:]) == [
        *["created"] * 2,
        None,
        *["created"] * 2,
    ]
    assert writers.stored() == [(member, 0) for member in others]


def test_what_belongs_to_points_is_stored_in_their_transaction(writers):
    one, two, *_ = writers.members
    seen = []

    def announce(batches):
        seen.extend((it.org_id, it.bucket, [verdict.status for verdict in it.verdicts]) for it in batches)
        assert writers.stored() == []  # before the commit, which others don't see
        assert writers.pool.current_connection() is not None

    writers.announce.append(announce)
    assert writers.together(writers.batch(one), writers.batch(two)) == ["created"] * 2
    assert seen == [(writers.org_id, writers.bucket, ["created"])] * 2


def test_a_key_that_was_removed_stops_nobody_else(writers):
    one, two, three, *_ = writers.members
    keys = {member: str(uuid4()) for member in (one, two)}
    for member, key in keys.items():
        writers.do(
            "INSERT INTO heartguard_core.api_keys (org_id, id, kind, name, scopes, buckets, networks, created_by,"
            " created_at, expires_at, secret_hash, hint, version)"
            " VALUES (%s, %s, 'device', 'watch', '{}', '{}', '{}', %s, now(), now() + interval '1 hour', %s, '',"
            " gen_random_uuid())",
            *(writers.org_id, key, member, key.encode()),
        )

    def batch(member: int) -> SmallWrite:
        made = writers.batch(member)
        key = ApiKey(keys[member], "device", "1", "user")
        return replace(made, principal=replace(made.principal, session_id=None, api_key=key))

    assert writers.together(batch(one), batch(two), writers.batch(three)) == ["created"] * 3
    writers.do("DELETE FROM heartguard_core.api_keys WHERE id = %s", keys[one])
    assert writers.together(batch(one), batch(two), writers.batch(three)) == [None, "duplicate", "duplicate"]


def test_a_point_that_two_send_is_stored_for_the_first_alone(writers):
    one, two, *_ = writers.members
    assert writers.together(writers.batch(one), writers.batch(two), writers.batch(one)) == ["created", "created", None]
    assert writers.alone(one, 0) == "duplicate"


def test_where_the_transaction_fails_all_are_left_to_the_ordinary_way(writers):
    one, two, three, *_ = writers.members
    writers.do(
        "WITH gone AS (DELETE FROM heartguard_core.series WHERE user_id = %s RETURNING id)"
        " DELETE FROM heartguard_core.points WHERE series_id IN (SELECT id FROM gone)",
        two,
    )
    assert writers.together(*(writers.batch(member) for member in (one, two, three))) == [None] * 3
    assert writers.stored() == []
    assert [writers.alone(member, 0) for member in (one, two, three)] == ["created"] * 3


def test_a_member_over_the_limit_stops_nobody_else(writers):
    one, two, *_ = writers.members
    limit(writers.database, writers.org_id, points_per_day_per_member=3)
    writers.small._counts._seen.clear()  # as after two seconds
    assert writers.alone(one, 10) == "created"
    assert writers.together(writers.batch(one), writers.batch(two)) == [None, None]
    assert writers.alone(two, 0) == "created"
    with pytest.raises(Exception, match="3"):
        writers.alone(one, 0)
    assert writers.stored() == [(one, 10), (two, 0)]


def test_a_lock_that_somebody_holds_delays_nobody_for_long(writers):
    one, *_ = writers.members
    with owner(writers.database) as cursor:
        cursor.execute("SELECT FROM heartguard_core.buckets WHERE name = %s FOR UPDATE", (writers.bucket,))
        assert writers.small.write(writers.batch(one)) is None
    assert writers.alone(one, 0) == "created"


def test_in_the_transaction_of_an_idempotency_key_a_batch_is_stored_with_it_or_not_at_all(writers):
    one, *_ = writers.members

    def store_and_fail() -> None:
        with writers.pool.transaction():
            assert writers.small.write(writers.batch(one))[0].status == "created"
            raise KeyError

    with pytest.raises(KeyError):
        store_and_fail()
    assert writers.stored() == []
    writers.do("DELETE FROM heartguard_core.series WHERE user_id = %s", one)
    with writers.pool.transaction():
        assert writers.small.write(writers.batch(one)) is None  # and the transaction goes on
        assert writers.alone(one, 0) == "created"
    assert writers.stored() == [(one, 0)]
