"""Events that wait with their changes: kept or rolled back with them, and taken into the trail once."""

import logging
import threading

import pytest

from heartguard_audit.domain.events import Search
from heartguard_audit.store.outbox import BATCH, PostgresOutbox, oldest_seconds, unrecorded
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_common.audit.events import encode
from heartguard_common.audit.log import AuditLog
from heartguard_common.audit.outbox import Outbox
from heartguard_common.core.clock import SystemClock
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis
from heartguard_common.stores.spool import Spool
from tests.audit_events import recorded_events
from tests.people import owner
from tests.store.audit.conftest import Trail, dead_letters_of, event


class UndecidedError(Exception):
    """The transaction is given up."""


@pytest.fixture
def store(database):
    opened = Database(database.url_for("audit"), pool_size=3)
    yield opened
    opened.close()


@pytest.fixture
def redis(redis_url):
    with make_redis(redis_url, timeout_seconds=1, decode=False) as client:
        yield client


@pytest.fixture
def put(store):
    def keep(*lines):
        with store.transaction():
            for line in lines:
                assert Outbox(store).put(line)

    return keep


@pytest.fixture
def trail(store):
    return Trail(store)


@pytest.fixture
def ingest(store, redis, trail):
    return EventIngest(PostgresOutbox(store), trail, logging.getLogger("test"), dead_letters_of(store))


def ids(trail):
    return [row.event.id for row in reversed(trail.page(Search(1, {}), 10_000))]


def test_an_event_is_committed_and_rolled_back_with_its_transaction(database, redis_url, tmp_path):
    opened = Database(database.url_for("user"), pool_size=1)
    client = make_redis(redis_url)
    log = AuditLog("user", client, Spool(tmp_path / "user.events"), SystemClock(), Outbox(opened))
    with opened.transaction():
        kept = log.changed(None, "user.updated", "user:1")
        assert recorded_events(database, redis_url) == []

    def give_up():
        with opened.transaction():
            log.changed(None, "user.updated", "user:2")
            log.changed(None, "user.updated", "user:3", outcome="denied")
            raise UndecidedError

    with pytest.raises(UndecidedError):
        give_up()
    outside = log.changed(None, "user.updated", "user:4")
    said = recorded_events(database, redis_url)
    assert [it["resource"] for it in said] == ["user:1", "user:3", "user:4"]
    assert (said[0]["id"], said[2]["id"]) == (kept.id, outside.id)
    client.close()
    opened.close()


def test_events_are_taken_in_insertion_order(put, ingest, trail, store):
    sent = [event() for _ in range(BATCH + 1)]
    put(*map(encode, sent[:7]))
    put(*map(encode, sent[7:]))
    assert unrecorded(store) == BATCH + 1
    assert [ingest.step(), ingest.step(), ingest.step()] == [BATCH, 1, 0]
    assert ids(trail) == [one.id for one in sent]
    assert (unrecorded(store), oldest_seconds(store)) == (0, 0)


def test_the_age_of_the_oldest_event_is_known(put, store, database):
    put(encode(event()))
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.audit_outbox SET put_at = put_at - interval '1 hour'")
    put(encode(event()))
    assert 3600 <= oldest_seconds(store) < 3660


def test_an_event_taken_and_not_removed_comes_again_under_its_id(put, ingest, trail, store, redis):
    sent = [event(), event()]
    put(*map(encode, sent))
    queue = PostgresOutbox(store)
    assert len(queue.take()) == 2
    trail.add(sent)
    assert ingest.step() == 2
    assert ids(trail) == [one.id for one in sent]


def test_two_parallel_readers_leave_no_duplicate_and_no_gap(put, store, redis, trail):
    sent = [event() for _ in range(3 * BATCH)]
    put(*map(encode, sent))

    def work():
        ingest = EventIngest(PostgresOutbox(store), trail, logging.getLogger("test"), dead_letters_of(store))
        while ingest.step():
            pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(trail) == [one.id for one in sent]


def test_an_invalid_entry_becomes_a_dead_letter_and_blocks_no_other(put, ingest, trail, store, redis):
    good = [event(), event()]
    put(encode(good[0]), b"[]", b"no json", encode(good[1]))
    ingest.step()
    assert ids(trail) == [one.id for one in good]
    assert [letter.content for letter in dead_letters_of(store).page("events", "dead", None, 10)] == ["[]", "no json"]
    assert unrecorded(store) == 0
