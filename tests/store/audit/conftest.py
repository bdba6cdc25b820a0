"""The stores of the trail, with a real PostgreSQL and Valkey."""

import logging
from collections.abc import Iterator

import pytest

from heartguard_audit.domain.chain import Keys
from heartguard_audit.store.events import PostgresEvents, PostgresJournal
from heartguard_audit.store.stream import RedisStream
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_common.audit.events import FIELD, STREAM, AuditEvent, encode
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.ids import uuid7
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis

KEYS = Keys("of-the-tests-alone-7Vd2Kx9Qm4Zr1Tb8")


class Trail(PostgresEvents):
    """Reading and writing the table, in one class for the tests."""

    def __init__(self, database, keys=KEYS):
        super().__init__(database)
        self.add = PostgresJournal(database, keys).add


def event(**values):
    usual = {
        "id": uuid7(),
        "time": "2026-11-23T10:00:00.123456789Z",
        "kind": "change",
        "request_id": "request-1",
        "org_id": 1,
        "actor": "user:12",
        "action": "user.updated",
        "service": "user",
        "outcome": "success",
    }
    return AuditEvent(**{**usual, **values})


@pytest.fixture
def store(database) -> Iterator[Database]:
    opened = Database(database.url_for("audit"))
    yield opened
    opened.close()


@pytest.fixture
def events(store):
    return Trail(store)


@pytest.fixture
def redis(redis_url):
    client = make_redis(redis_url, timeout_seconds=1, decode=False)
    yield client
    client.close()


@pytest.fixture
def post(redis):
    def send(*sent):
        for one in sent:
            redis.xadd(STREAM, {FIELD: one if isinstance(one, bytes) else encode(one)})

    return send


def dead_letters_of(database, clock=None):
    """The dead letters of the audit service and its consumer."""
    return PostgresDeadLetters("audit", database, clock or SystemClock())


@pytest.fixture
def dead_letters(store):
    return dead_letters_of(store)


@pytest.fixture
def consumer(redis, events, dead_letters):
    """A function that creates a further consumer; each gets unfinished entries of the others at once."""

    def make(name="one", journal=None, client=None, idle_ms=0):
        stream = RedisStream(client or redis, name=name, idle_ms=idle_ms, block_ms=10)
        stream.prepare()
        return EventIngest(stream, journal or events, logging.getLogger("test"), dead_letters)

    return make
