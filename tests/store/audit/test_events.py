"""The table: append-only, with sequences of its own, and all filters."""

import concurrent.futures
import itertools

import psycopg2
import psycopg2.errors
import pytest

from heartguard_audit.domain.events import NotAnEventError, Search
from heartguard_cli.urls import libpq
from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.stores.database import Database
from tests.store.audit.conftest import Trail, event

COLUMNS = {
    "kind": "access",
    "actor": "operator",
    "actor_hash": "ab" * 32,
    "action": "media.read",
    "service": "gateway",
    "resource": "item:9",
    "outcome": "denied",
}


def sequences(events, org_id=1, limit=500, **conditions):
    return [row.sequence for row in events.page(Search(org_id, conditions), limit)]


def test_an_event_is_read_as_it_was_stored(events):
    sent = event(
        resource="user:13",
        reason="USER_003",
        gateway_request_id="g-1",
        actor_hash="ab" * 32,
        payload={"text": "O'Brien <é>", "whole": 2**60, "part": 71.5, "yes": True, "nothing": None},
    )
    assert events.add([sent]) == 1
    found = events.find(1, sent.id)
    assert (found.sequence, found.event) == (1, sent)


def test_each_organization_and_the_operator_have_separate_sequences(events):
    trail = [event(org_id=org_id) for org_id in (1, 2, None, 1, None, 1)]
    assert events.add(trail) == 6
    assert sequences(events, 1) == [3, 2, 1]
    assert sequences(events, 2) == [1]
    assert sequences(events, None) == [2, 1]
    mine = events.page(Search(1, {}), 10)
    assert [row.event.id for row in mine] == [trail[5].id, trail[3].id, trail[0].id]


def test_an_event_of_another_trail_is_not_found(events):
    ours, nobodys = event(org_id=1), event(org_id=None)
    events.add([ours, nobodys])
    assert events.find(2, ours.id) is None
    assert events.find(None, ours.id) is None
    assert events.find(1, nobodys.id) is None
    assert events.find(None, nobodys.id).event == nobodys


def test_an_event_sent_twice_is_stored_once_without_a_gap(events):
    first, second, third = event(), event(), event()
    assert events.add([first, second, first]) == 2
    assert events.add([second, third]) == 1
    assert sequences(events) == [3, 2, 1]


@pytest.mark.parametrize("fault", [{"payload": {"text": "\x00"}}, {"org_id": 2**31}, {"outcome": "maybe"}])
def test_a_value_that_postgresql_refuses_rejects_the_whole_batch(events, fault):
    with pytest.raises(NotAnEventError):
        events.add([event(), event(**fault)])
    assert sequences(events) == []


def test_each_filter_and_combination_finds_exactly_its_events(subtests, events):
    combinations = [names for size in (1, 2, 7) for names in itertools.combinations(sorted(COLUMNS), size)]
    for org_id, names in enumerate(combinations, start=1):
        with subtests.test("+".join(names)):
            other = event(org_id=org_id)
            near = [event(org_id=org_id, **{name: COLUMNS[name] for name in COLUMNS if name != left}) for left in names]
            events.add([other, *near, event(org_id=org_id, **COLUMNS)])
            found = events.page(Search(org_id, {name: COLUMNS[name] for name in names}), 50)
            assert [row.sequence for row in found] == [len(near) + 2]


def test_a_range_of_time_is_half_open_to_the_nanosecond(events):
    times = ["2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.000000002Z", "2026-01-01T00:00:00.000000003Z"]
    events.add([event(time=time) for time in times])
    since, until = (parse_rfc3339(time) for time in (times[1], times[2]))
    assert [row.sequence for row in events.page(Search(1, {}, since_ns=since, until_ns=until), 9)] == [2]
    assert [row.sequence for row in events.page(Search(1, {}, since_ns=since), 9)] == [3, 2]
    assert [row.sequence for row in events.page(Search(1, {}, until_ns=since), 9)] == [1]


def test_pages_neither_shift_nor_repeat_while_events_arrive(events):
    events.add([event() for _ in range(5)])
    first = [row.sequence for row in events.page(Search(1, {}), 2)]
    events.add([event() for _ in range(3)])
    second = [row.sequence for row in events.page(Search(1, {}, before=first[-1]), 2)]
    assert (first, second) == ([5, 4], [3, 2])


def test_an_unknown_filter_never_becomes_part_of_a_statement(events):
    with pytest.raises(ValueError, match="no filter"):
        events.page(Search(1, {"1=1 --": "x"}), 5)


def test_parallel_writers_leave_no_gap_and_no_duplicate(database):
    shared = [event() for _ in range(100)]

    def write(_):
        opened = Database(database.url_for("audit"), pool_size=1)
        try:
            own = Trail(opened)
            return sum(own.add([*shared[at : at + 10], event()]) for at in range(0, 100, 10))
        finally:
            opened.close()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        added = list(pool.map(write, range(4)))
    assert sum(added) == 140
    opened = Database(database.url_for("audit"))
    assert sequences(Trail(opened)) == list(range(140, 0, -1))
    opened.close()


REFUSED = {
    "update": "UPDATE heartguard_core.audit_events SET actor = 'operator'",
    "delete": "DELETE FROM heartguard_core.audit_events",
    "truncate": "TRUNCATE heartguard_core.audit_events",
    "upsert": """INSERT INTO heartguard_core.audit_events
        (event_id, time_ns, kind, request_id, actor, action, service, outcome, payload)
        SELECT event_id, 0, 'change', '', 'x', 'x', 'x', 'success', '{}' FROM heartguard_core.audit_events
        ON CONFLICT (event_id) DO UPDATE SET actor = 'operator'""",
    "backdated": """INSERT INTO heartguard_core.audit_events
        (event_id, recorded_at, time_ns, kind, request_id, actor, action, service, outcome, payload)
        VALUES (gen_random_uuid(), '2001-01-01Z', 0, 'change', '', 'x', 'x', 'x', 'success', '{}')""",
    "trigger off": "ALTER TABLE heartguard_core.audit_events DISABLE TRIGGER ALL",
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_role_of_audit_can_only_append(events, database, name):
    sent = event()
    events.add([sent])
    connection = psycopg2.connect(libpq(database.url_for("audit")))
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
        cursor.execute(REFUSED[name])
    connection.close()
    assert [row.event for row in events.page(Search(1, {}), 5)] == [sent]


FORGED = {
    "a sequence ahead": "3, decode(repeat('00', 32), 'hex')",
    "a sequence again": "1, decode(repeat('00', 32), 'hex')",
    "another event before it": "2, decode(repeat('00', 32), 'hex')",
}


@pytest.mark.parametrize("name", FORGED)
def test_an_event_that_does_not_continue_its_chain_is_refused(events, database, name):
    events.add([event()])
    connection = psycopg2.connect(libpq(database.url_for("audit")))
    statement = f"""INSERT INTO heartguard_core.audit_events
        (event_id, time_ns, kind, request_id, org_id, actor, action, service, outcome, payload, hash, seal,
         sequence, previous_hash)
        VALUES (gen_random_uuid(), 0, 'change', '', 1, 'x', 'x', 'x', 'success', '{{}}', sha256('x'), sha256('y'),
         {FORGED[name]})"""
    with pytest.raises(psycopg2.errors.SerializationFailure), connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@pytest.mark.parametrize("name", ["update", "delete", "truncate"])
def test_the_trigger_stops_even_the_owner(events, database, name):
    events.add([event()])
    connection = psycopg2.connect(libpq(database.owner_url))
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="append-only"), connection.cursor() as cursor:
        cursor.execute(REFUSED[name])
    connection.close()


@pytest.mark.parametrize("service", ["auth", "organization", "user", "media", "influx"])
def test_no_other_service_may_read_or_write_the_trail(database, service):
    connection = psycopg2.connect(libpq(database.url_for(service)))
    for statement in ("SELECT count(*) FROM heartguard_core.audit_events", REFUSED["update"]):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
            cursor.execute(statement)
        connection.rollback()
    connection.close()
