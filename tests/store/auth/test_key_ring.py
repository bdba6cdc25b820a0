"""The key ring while its database hangs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from heartguard_auth.store.keys import REREAD_NS, KeyRing
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import ServiceError
from heartguard_common.stores.database import Database
from tests.clocks import MovableClock
from tests.tokens import service_secret


class Hanging:
    """A database that can be made to hang."""

    def __init__(self, database):
        self.database = database
        self.goes_on, self.asked = threading.Event(), threading.Event()
        self.goes_on.set()

    @contextmanager
    def transaction(self):
        self.asked.set()
        assert self.goes_on.wait(60)
        with self.database.transaction() as connection:
            yield connection


@pytest.fixture
def hanging(database):
    made = Database(database.url_for("auth"))
    yield Hanging(made)
    made.close()


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def ring(hanging, clock):
    return KeyRing(hanging, service_secret("key ring"), clock, access_seconds=60)


def test_one_thread_reads_the_ring_and_the_others_use_the_last_one(ring, hanging, clock):
    (first, *_), claims = ring.public_keys(), {"sub": "12"}
    clock.forward(REREAD_NS / NANOSECONDS)
    hanging.goes_on.clear()
    hanging.asked.clear()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ring.public_keys)
        assert hanging.asked.wait(60)
        assert ring.candidates(first["kid"])
        assert ring.sign(claims)[1] == first["kid"]
        assert not waiting.done()
        hanging.goes_on.set()
        assert waiting.result(10)[0] == first


def test_a_ring_that_was_never_read_is_a_dependency_that_failed(ring, hanging):
    hanging.goes_on.clear()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ring.public_keys)
        assert hanging.asked.wait(60)
        with pytest.raises(ServiceError) as caught:
            ring.sign({"sub": "12"})
        assert (caught.value.row.code, caught.value.headers["Retry-After"]) == ("GEN_503", "1")
        hanging.goes_on.set()
        assert waiting.result(10)
