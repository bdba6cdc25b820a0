"""The copy of the revocations in Redis is believed only when it is whole."""

import pytest

from heartguard_auth.store.revocations import Revocations
from heartguard_common.clock import NANOSECONDS
from heartguard_common.database import Database
from heartguard_common.revocation import READY, key
from heartguard_common.store_redis import make_redis
from tests.clocks import MovableClock


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
