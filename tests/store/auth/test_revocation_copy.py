"""The copy of the revocations in Redis is trusted only while it is equal to those in PostgreSQL."""

from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import redis

from heartguard_auth.revocations.store import Revocations
from heartguard_common.core.background import BackgroundTasks
from heartguard_common.core.clock import NANOSECONDS, SystemClock
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import READY, CopyReader, Verdict, key, keys
from heartguard_common.identity.revocation_copy import TRUSTED_SECONDS, RevocationCopy
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis
from tests.clocks import MovableClock
from tests.people import found, join, owner
from tests.servers import Valkey, until

CLOCK = SystemClock()
GONE = Principal("person", "user", 1, 1, token_id="t", session_id="gone", key_id="k", issued_at=1_700_000_000)


@pytest.fixture
def client(redis_url):
    made = make_redis(redis_url)
    yield made
    made.close()


@pytest.fixture
def connection(database):
    made = Database(database.url_for("auth"))
    yield made
    made.close()


@pytest.fixture
def other(database):
    """The same database as another service sees it."""
    made = Database(database.url_for("media"))
    yield made
    made.close()


def revoke(connection, client, value="gone", *, publish=True):
    revocations, expires_at = Revocations(connection, client, CLOCK), CLOCK.now_ns() + 60 * NANOSECONDS
    revocations.add("sid", [value], "logout", expires_at)
    if publish:
        revocations.publish("sid", [value], expires_at)


class Emptied:
    """A database during whose next transaction Redis loses its memory."""

    def __init__(self, database, client):
        self.database, self.client, self.times = database, client, 1

    def transaction(self):
        if self.times:
            self.times -= 1
            self.client.flushall()
        return self.database.transaction()


def test_a_copy_that_was_emptied_while_it_was_made_is_not_called_whole(connection, client):
    revoke(connection, client, publish=False)
    copy = RevocationCopy(Emptied(connection, client), client, CLOCK)
    assert not copy.copy_all()
    assert not client.exists(READY)
    assert copy.copy_all()
    assert client.exists(READY, key("sid", "gone")) == 2


def test_any_service_copies_what_a_killed_auth_left_out(connection, other, client):
    assert RevocationCopy(connection, client, CLOCK).copy_all()
    neighbour = RevocationCopy(other, client, CLOCK)
    neighbour.step()
    revoke(connection, client, publish=False)  # and then auth was killed
    neighbour.step()
    assert client.exists(READY, key("sid", "gone")) == 2
    assert 0 < client.pttl(READY) <= TRUSTED_SECONDS * 1000


def test_a_mark_that_another_service_renews_costs_no_look_at_the_truth(connection, other, client):
    class Unasked:
        def transaction(self):
            raise AssertionError("the truth was asked")

    idle = RevocationCopy(other, client, CLOCK)
    idle.step()
    busy = RevocationCopy(connection, client, CLOCK)
    idle._database = Unasked()
    for _ in range(2):
        busy.renew()
        idle.step()


class Meanwhile:
    """A database during whose first transaction something happens, which that transaction does not see."""

    def __init__(self, database, what):
        self.database, self.what = database, what

    @contextmanager
    def transaction(self):
        with self.database.transaction() as connection:
            yield connection
        what, self.what = self.what, None
        if what:
            what()


@contextmanager
def full(client):
    """A Redis without room for another key."""
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


def test_a_full_redis_is_not_believed_once_it_has_refused_a_revocation(connection, client):
    copy, reader = RevocationCopy(connection, client, CLOCK), CopyReader()
    assert copy.copy_all()
    assert reader.verdict(GONE, client.mget(keys(GONE))) is Verdict.ACTIVE
    with full(client):
        revoke(connection, client)
        copy.step()
        assert reader.verdict(GONE, client.mget(keys(GONE))) is Verdict.UNKNOWN
    copy.step()
    assert reader.verdict(GONE, client.mget(keys(GONE))) is Verdict.REVOKED


def test_a_copy_under_way_is_given_up_when_redis_refuses_a_revocation(connection, client):
    def refused():
        with full(client):
            revoke(connection, client)

    copy = RevocationCopy(Meanwhile(connection, refused), client, CLOCK)
    assert not copy.copy_all()
    assert not client.exists(READY)


def test_a_redis_that_may_drop_keys_is_never_believed(connection, client):
    copy = RevocationCopy(connection, client, CLOCK)
    assert copy.copy_all()
    client.config_set("maxmemory-policy", "allkeys-lru")
    with full(client):
        client.config_set("maxmemory", 100_000_000)
        copy.step()
        assert not client.exists(READY)
    client.config_set("maxmemory-policy", "noeviction")
    copy.step()
    assert client.exists(READY)


def test_a_mark_without_end_is_of_an_older_release_and_replaced(connection, client):
    revoke(connection, client, publish=False)
    client.set(READY, "1")
    RevocationCopy(connection, client, CLOCK).step()
    assert 0 < client.pttl(READY) <= TRUSTED_SECONDS * 1000
    assert client.exists(key("sid", "gone"))


@pytest.fixture
def replica(valkey, tmp_path: Path):
    """A server that follows the session's Valkey."""
    server = Valkey(tmp_path)
    server.start()
    with server.client() as client, valkey.client() as master:
        master.config_set("repl-diskless-sync-delay", 0)
        client.config_set("masterauth", master.connection_pool.connection_kwargs["password"])
        client.replicaof("127.0.0.1", valkey.port)
        until(lambda: client.info("replication")["master_link_status"] == "up", "replication")
    yield make_redis(server.url)
    server.stop()


def test_a_failover_to_a_replica_that_lags_revives_no_token(connection, client, replica):
    copy, reader, late = RevocationCopy(connection, client, CLOCK), CopyReader(), CopyReader()
    assert copy.copy_all()
    until(lambda: replica.get(READY) == client.get(READY), "the mark at the replica")
    replica.replicaof("NO", "ONE")  # from here on it hears nothing
    revoke(connection, client)
    copy.renew()
    assert reader.verdict(GONE, client.mget(keys(GONE))) is Verdict.REVOKED
    # The failover: everybody asks the replica, which has the mark and not the revocation.
    assert reader.verdict(GONE, replica.mget(keys(GONE))) is Verdict.UNKNOWN
    # A process that has seen nothing newer believes it until another one has compared, once a second.
    copy._redis = replica
    copy.step()
    assert late.verdict(GONE, replica.mget(keys(GONE))) is Verdict.REVOKED
    assert reader.verdict(GONE, replica.mget(keys(GONE))) is Verdict.REVOKED


def test_tokens_from_before_a_restore_are_refused_with_the_mark_and_without(connection, database, client):
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.restores (restored_at, backup_created_at)"
            " VALUES ('2023-11-14T22:13:20.9Z', '2023-11-14T00:00:00Z')"  # 1,700,000,000.9
        )
    assert RevocationCopy(connection, client, CLOCK).copy_all()
    later = Principal(**{**vars(GONE), "issued_at": GONE.issued_at + 1})
    verdicts = [CopyReader().verdict(who, client.mget(keys(who))) for who in (GONE, later)]
    assert verdicts == [Verdict.REVOKED, Verdict.ACTIVE]
    join(database, found(database))
    truth = Revocations(connection, client, CLOCK)
    assert [truth.holds(who) for who in (GONE, later)] == [True, False]


def test_a_reader_takes_answers_in_another_order_for_no_rollback():
    now = [0.0]
    reader = CopyReader(lambda: now[0])

    def judged(mark):
        return reader.verdict(GONE, [mark, None, None, None])

    assert [judged(mark) for mark in ("7:0", "8:0", "7:0", b"8:0")] == [Verdict.ACTIVE] * 4
    now[0] = 1.0
    assert [judged(mark) for mark in ("7:0", "6:0", "x", None)] == [Verdict.UNKNOWN] * 4
    assert judged("9:0") is Verdict.ACTIVE


class Refusing:
    """A database that refuses its first transaction for a reason that is no outage."""

    def __init__(self, database):
        self.database, self.times = database, 1

    def transaction(self):
        if self.times:
            self.times -= 1
            raise psycopg2.ProgrammingError
        return self.database.transaction()


def test_whatever_fails_in_the_copying_thread_it_tries_again(connection, client):
    revoke(connection, client, publish=False)
    lifecycle = Lifecycle()
    Revocations(Refusing(connection), client, MovableClock()).start(BackgroundTasks("auth", lifecycle.on_close))
    until(lambda: client.exists(key("sid", "gone")), "the copy")
    lifecycle.close()


class UnavailableRedis:
    """A Redis that can be made unavailable."""

    def __init__(self, client):
        self.client, self.away = client, True

    def __getattr__(self, name):
        if self.away:
            raise redis.TimeoutError
        return getattr(self.client, name)


def test_what_did_not_reach_redis_is_copied_when_it_is_back(connection, client):
    assert RevocationCopy(connection, client, CLOCK).copy_all()
    away = UnavailableRedis(client)
    lifecycle, expires_at = Lifecycle(), CLOCK.now_ns() + 60 * NANOSECONDS
    revocations = Revocations(connection, away, CLOCK).start(BackgroundTasks("auth", lifecycle.on_close))
    revocations.add("sid", ["gone"], "logout", expires_at)
    revocations.publish("sid", ["gone"], expires_at)
    away.away = False
    until(lambda: client.exists(key("sid", "gone")), "the copy")
    lifecycle.close()
