"""From the stream into the trail: no event is lost, stored twice, or delayed by a bad one."""

import threading

import pytest

from heartguard_audit.domain.events import NotAnEventError, Search
from heartguard_audit.store.stream import BATCH, GROUP
from heartguard_audit.usecases.ingest import RETRY
from heartguard_common.audit.events import STREAM, decode, encode
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis
from tests.store.audit.conftest import Trail, event


class CutOffError(Exception):
    """Stands for the end of the process."""


class EndsBeforeAcknowledging:
    """A Redis client whose process ends instead of acknowledging."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def pipeline(self, **_):
        raise CutOffError


class Unavailable:
    """A journal whose database is unavailable."""

    def add(self, _events):
        raise ServiceError(UNAVAILABLE)


def ids(events, org_id=1):
    return [row.event.id for row in reversed(events.page(Search(org_id, {}), 10_000))]


def test_events_enter_in_their_order_and_leave_the_stream(consumer, events, post, redis):
    sent = [event() for _ in range(BATCH + 1)]
    post(*sent)
    ingest = consumer()
    assert [ingest.step(), ingest.step(), ingest.step()] == [BATCH, 1, 0]
    assert ids(events) == [one.id for one in sent]
    assert redis.xlen(STREAM) == 0
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


def test_a_consumer_killed_between_commit_and_acknowledgement_leaves_no_duplicate(consumer, events, post, redis):
    sent = [event() for _ in range(3)]
    post(*sent)
    with pytest.raises(CutOffError):
        consumer("first", client=EndsBeforeAcknowledging(redis)).step()
    assert ids(events) == [one.id for one in sent]
    assert redis.xlen(STREAM) == 3
    assert consumer("second").step() == 3
    assert ids(events) == [one.id for one in sent]
    assert redis.xlen(STREAM) == 0


def test_a_consumer_finds_at_once_the_entries_it_had_taken_before_a_crash(consumer, events, post, redis):
    post(event())
    an_hour = 3_600_000
    with pytest.raises(CutOffError):
        consumer("same", client=EndsBeforeAcknowledging(redis), idle_ms=an_hour).step()
    assert consumer("other", idle_ms=an_hour).step() == 0
    assert consumer("same", idle_ms=an_hour).step() == 1
    assert redis.xlen(STREAM) == 0


def test_entries_of_a_living_consumer_are_not_claimed(consumer, post):
    post(event())
    with pytest.raises(ServiceError):
        consumer("first", journal=Unavailable()).step()
    assert consumer("second", idle_ms=3_600_000).step() == 0


def test_an_unavailable_database_loses_no_event(consumer, events, post):
    sent = [event() for _ in range(2)]
    post(*sent)
    ingest = consumer(journal=Unavailable())
    for _ in range(3):
        with pytest.raises(ServiceError):
            ingest.step()
    post(*(late := [event()]))
    again = consumer()
    while again.step():
        pass
    assert ids(events) == [one.id for one in sent + late]


def test_two_parallel_consumers_leave_no_duplicate_and_no_gap(database, redis_url, consumer, post, events):
    sent = [event(org_id=place % 3 or None) for place in range(900)]
    post(*sent, *sent)
    consumer()

    def consume(name):
        opened = Database(database.url_for("audit"), pool_size=1)
        client = make_redis(redis_url, timeout_seconds=5, decode=False)
        ingest = consumer(name, journal=Trail(opened), client=client, idle_ms=1)
        while ingest.step():
            pass
        opened.close()
        client.close()

    threads = [threading.Thread(target=consume, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for org_id in (None, 1, 2):
        rows = events.page(Search(org_id, {}), 10_000)
        assert [row.sequence for row in rows] == list(range(300, 0, -1))
        assert {row.event.id for row in rows} == {one.id for one in sent if one.org_id == org_id}


def test_an_invalid_entry_is_set_aside_and_blocks_no_other(consumer, events, post, redis, dead_letters):
    good = [event(), event()]
    invalid = [
        b"\xff\x00",
        b"",
        b"[]",
        b"{}",
        b'{"id": "x"}',
        encode(event(outcome="maybe")),
        encode(event(time="now")),
    ]
    redis.xadd(STREAM, {"other": "field"})
    post(good[0], *invalid, good[1])
    assert consumer().step() == len(invalid) + 3
    assert ids(events) == [one.id for one in good]
    kept = [letter.content for letter in dead_letters.page("events", "dead", None, 20)]
    assert kept == ["", "\\xff\\0", *(line.decode() for line in invalid[1:])]
    assert redis.xlen(STREAM) == 0


@pytest.mark.parametrize("fault", [NotAnEventError("was refused"), ArithmeticError("nobody thought of it")])
def test_an_entry_that_only_the_database_refuses_is_set_aside_alone(consumer, events, post, redis, dead_letters, fault):
    first, last = event(), event()
    clash = "heartguard.clash"

    class Refusing:
        def add(self, batch):
            if any(one.action == clash for one in batch):
                raise fault
            return events.add(batch)

    post(first, event(action=clash), last)
    consumer(journal=Refusing()).step()
    assert ids(events) == [first.id, last.id]
    (letter,) = dead_letters.page("events", "dead", None, 10)
    assert decode(letter.content).action == clash
    assert redis.xlen(STREAM) == 0


def test_text_from_a_caller_never_keeps_an_event_out(consumer, events, post, dead_letters):
    hostile = event(
        resource="bucket:\x00\x1b" + "x" * 600, request_id="no good\n", payload={"a\x00": "\ufffe" * 5000}, reason=""
    )
    post(hostile)
    consumer().step()
    (row,) = events.page(Search(1, {}), 5)
    assert row.event.resource == "bucket:\ufffd\ufffd" + "x" * 503
    assert row.event.request_id == ""
    assert row.event.reason is None
    assert row.event.payload == {"a\ufffd": "\ufffd" * 4096}
    assert dead_letters.counts(["events"])["events"].dead == 0


def test_an_entry_deleted_while_taken_is_released(consumer, post, redis):
    post(event())
    with pytest.raises(ServiceError):
        consumer("one", journal=Unavailable()).step()
    redis.xdel(STREAM, redis.xrange(STREAM)[0][0])
    assert consumer("one").step() == 1
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


def test_a_failing_journal_counts_against_no_event(consumer, post, dead_letters, redis):
    class Broken:
        def add(self, _):
            raise LookupError

    post(event(), event())
    for _ in range(2 * RETRY.max_attempts):
        with pytest.raises(LookupError):
            consumer(journal=Broken()).step()
    assert (dead_letters.page("events", None, None, 10), redis.xlen(STREAM)) == ([], 2)


def test_an_event_that_repeatedly_fails_alone_is_set_aside(consumer, events, post, dead_letters, redis):
    class Broken:
        def add(self, _):
            raise LookupError

    sent = event()
    post(sent)
    for _ in range(RETRY.max_attempts - 1):
        with pytest.raises(LookupError):
            consumer(journal=Broken()).step()
    consumer(journal=Broken()).step()
    (letter,) = dead_letters.page("events", "dead", None, 10)
    assert (letter.reason, decode(letter.content), redis.xlen(STREAM)) == ("LookupError", sent, 0)
