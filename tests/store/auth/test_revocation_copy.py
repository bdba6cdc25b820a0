"""The copy of the revocations in Redis is believed only when it is whole."""

from contextlib import contextmanager

import pytest
import redis
from sqlalchemy import exc

from heartguard_auth.store.revocations import Revocations
from heartguard_common.clock import NANOSECONDS
from heartguard_common.database import Database
from heartguard_common.revocation import READY, key
from heartguard_common.store_redis import make_redis
from tests.clocks import MovableClock
from tests.servers import until


class Emptied:
    """A database during whose next transaction Redis loses its memory."""

    def __init__(self, database, client):
        self.database, self.client, self.times = database, client, 1

    def transaction(self):
        if self.times:
            self.times -= 1
            self.client.flushall()
        return self.database.transaction()


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


def test_a_copy_that_was_emptied_while_it_was_made_is_not_called_whole(connection, client):
    clock = MovableClock()
    until = clock.now_ns() + 60 * NANOSECONDS
    Revocations(connection, client, clock).add("sid", ["gone"], "logout", until)
    revocations = Revocations(Emptied(connection, client), client, clock)
    revocations.heal()
    assert not client.exists(READY)
    revocations.heal()
    assert client.exists(READY, key("sid", "gone")) == 2


def test_a_start_copies_what_a_process_before_it_left_out_of_a_copy_that_is_called_whole(connection, client):
    clock = MovableClock()
    until_ns = clock.now_ns() + 60 * NANOSECONDS
    before = Revocations(connection, client, clock)
    assert before.copy_all()
    before.add("sid", ["missing"], "logout", until_ns)  # and then the process was killed
    assert client.exists(READY, key("sid", "missing")) == 1
    after = Revocations(connection, client, clock).start()
    until(lambda: client.exists(key("sid", "missing")), "the copy")
    after.close()


class Stalling:
    """A Redis that fails when it is told to, and a truth that is read while somebody revokes one thing more."""

    def __init__(self, client):
        self.client, self.away = client, True

    def __getattr__(self, name):
        return getattr(self.client, name)

    def pipeline(self, *, transaction):
        if self.away:
            raise redis.TimeoutError
        return self.client.pipeline(transaction=transaction)


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


def test_what_is_revoked_while_the_truth_is_read_is_copied_too(connection, client):
    clock = MovableClock()
    until_ns = clock.now_ns() + 60 * NANOSECONDS
    stalling = Stalling(client)

    def revoke():
        Revocations(connection, client, clock).add("sid", ["late"], "logout", until_ns)
        stalling.away = True
        revocations.publish("sid", ["late"], until_ns)
        stalling.away = False

    stalling.away = False
    revocations = Revocations(Meanwhile(connection, revoke), stalling, clock).start()
    until(lambda: client.exists(key("sid", "late")), "the copy")
    revocations.close()


class Refusing:
    """A database that refuses its first transaction for a reason that is no outage."""

    def __init__(self, database):
        self.database, self.times = database, 1

    def transaction(self):
        if self.times:
            self.times -= 1
            raise exc.ProgrammingError("SELECT", {}, PermissionError())
        return self.database.transaction()


def test_whatever_fails_in_the_copying_thread_it_tries_again(connection, client):
    clock = MovableClock()
    until_ns = clock.now_ns() + 60 * NANOSECONDS
    Revocations(connection, client, clock).add("sid", ["missing"], "logout", until_ns)
    revocations = Revocations(Refusing(connection), client, clock).start()
    until(lambda: client.exists(key("sid", "missing")), "the copy", 5)
    revocations.close()
