"""The trail's own stores on a real PostgreSQL and Valkey."""

import logging
from collections.abc import Iterator

import pytest

from heartguard_audit.store.events import PostgresEvents
from heartguard_audit.store.stream import RedisStream
from heartguard_audit.usecases import Intake
from heartguard_common.audit import FIELD, STREAM, AuditEvent, encode
from heartguard_common.database import Database
from heartguard_common.ids import uuid7
from heartguard_common.store_redis import make_redis


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
    return PostgresEvents(store)


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


@pytest.fixture
def consumer(redis, events):
    """A function that makes one more consumer; each has what the others left after no time at all."""

    def make(name="one", journal=None, client=None, idle_ms=0):
        stream = RedisStream(client or redis, name=name, idle_ms=idle_ms, block_ms=10)
        stream.prepare()
        return Intake(stream, journal or events, logging.getLogger("test"))

    return make
