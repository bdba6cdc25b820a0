"""Audit as a whole: its Flask application and its consumer on a real PostgreSQL and Valkey."""

import logging

import pytest

from heartguard_audit.domain.chain import Keys
from heartguard_audit.settings import Settings
from heartguard_audit.store.outbox import PostgresOutbox
from heartguard_audit.store.stream import RedisStream
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_audit.wiring import create_app
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis
from tests.store.audit.conftest import Trail, dead_letters_of
from tests.tokens import settings_environ


@pytest.fixture
def environ(database, redis_url, tmp_path):
    return settings_environ("audit", database, redis_url, SPOOL_DIR=str(tmp_path / "spool"))


@pytest.fixture
def app(environ):
    made = create_app(Settings.from_env(environ))
    yield made
    made.extensions[LIFECYCLE].close()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def journal(environ):
    opened = Database(environ["DATABASE_URL"])
    yield Trail(opened, Keys(environ["AUDIT_CHECKPOINT_KEY"]))
    opened.close()


@pytest.fixture
def settle(environ, journal):
    """A function that moves the events of outbox and stream into the trail."""
    redis = make_redis(environ["REDIS_URL"], timeout_seconds=1, decode=False)
    stream = RedisStream(redis, block_ms=1)
    opened = Database(environ["DATABASE_URL"], pool_size=1)
    dead_letters = dead_letters_of(opened)
    outbox = EventIngest(PostgresOutbox(opened), journal, logging.getLogger("test"), dead_letters)
    ingest = EventIngest(stream, journal, logging.getLogger("test"), dead_letters)

    def move():
        stream.prepare()
        while outbox.step() or ingest.step():
            pass

    yield move
    redis.close()
    opened.close()
