import logging
from contextlib import nullcontext

import pytest

from heartguard_audit.domain.events import Entry, Mask, NotAnEventError, Recorded
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_audit.usecases.trail import EXPORT_PAGE, AuditUseCases
from heartguard_common.audit.events import AuditEvent, encode
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from tests.fakes.authority import KnownPeople

ADMIN = Principal(kind="person", role="admin", user_id=12, org_id=3)
SERVICE = Principal(kind="service", role="service", name="media")
SAID = {"actor": "user@hg.io", "action": "LOGIN", "service": "auth"}
NOON = 1_795_435_200_000_000_000  # 2026-11-23T12:00:00Z


class Clock:
    def now_ns(self):
        return NOON


class Trail:
    def __init__(self, fault=None):
        self.events = []
        self._fault = fault

    def record(self, event):
        if self._fault:
            raise self._fault
        self.events.append(event)


def made(number=1, **changes):
    fixed = {"time": "2026-11-23T10:00:00Z", "kind": "change", "request_id": "r", "org_id": 3, "actor": "user:1"}
    fixed |= {"action": "a", "service": "user", "outcome": "success"}
    return AuditEvent(id=f"01975c00-0000-7000-8000-{number:012d}", **{**fixed, **changes})


class Events:
    """A trail in memory that records its calls."""

    def __init__(self, number=0):
        self.rows = [Recorded(place, made(place)) for place in range(number, 0, -1)]
        self.asked = []

    def find(self, org_id, event_id):
        return next((row for row in self.rows if row.event.id == event_id and row.event.org_id == org_id), None)

    def page(self, search, limit):
        self.asked.append((search, limit))
        return [row for row in self.rows if search.before is None or row.sequence < search.before][:limit]


def use_cases(trail=None, events=None):
    mask = Mask("mask-secret-0123456789-0123456789")
    return AuditUseCases(trail or Trail(), events or Events(), mask, Clock(), KnownPeople(), nullcontext)


def test_a_persons_event_has_the_servers_data():
    trail = Trail()
    event = use_cases(trail).record(ADMIN, {**SAID, "payload": {"n": 1, "to": "user@hg.io"}})
    assert trail.events == [event]
    assert (event.actor, event.actor_hash, event.org_id, event.service) == ("user:12", None, 3, "auth")
    assert (event.time, event.kind, event.outcome) == ("2026-11-23T12:00:00Z", "reported", "success")
    assert event.payload == {"n": 1, "to": "u***@hg.io"}


def test_a_service_can_name_the_actor_but_not_itself():
    event = use_cases().record(SERVICE, SAID)
    assert (event.actor, event.org_id, event.service, event.kind) == ("u***@hg.io", None, "media", "change")
    assert event.actor_hash is not None


def test_an_event_that_cannot_be_stored_is_an_error():
    with pytest.raises(ServiceError) as caught:
        use_cases(Trail(OSError("disk full"))).record(ADMIN, SAID)
    assert caught.value.error_code.status == 503


def test_an_event_of_another_organization_is_not_found():
    audit = use_cases(events=Events(1))
    assert audit.find(ADMIN, made(1).id).sequence == 1
    stranger = Principal(kind="person", role="admin", user_id=12, org_id=4)
    with pytest.raises(ServiceError) as caught:
        audit.find(stranger, made(1).id)
    assert (caught.value.error_code.code, caught.value.error_code.status) == ("AUDIT_001", 404)


@pytest.mark.parametrize(
    ("limit", "number", "asked"),
    [
        (None, 2500, [EXPORT_PAGE, EXPORT_PAGE, EXPORT_PAGE, EXPORT_PAGE]),
        (None, 0, [EXPORT_PAGE]),
        (10, 2500, [10]),
        (1500, 2500, [EXPORT_PAGE, 500]),
        (500, 3, [500, 497]),
    ],
)
def test_an_export_reads_no_more_than_it_returns(limit, number, asked):
    events = Events(number)
    blocks = use_cases(events=events).export(ADMIN, {}, None, limit)
    assert len(events.asked) == 1
    given = [row.sequence for block in blocks for row in block]
    assert given == list(range(number, 0, -1))[:limit]
    assert [size for _, size in events.asked] == asked
    assert {search.org_id for search, _ in events.asked} == {3}


class Queue:
    """A stream in memory."""

    def __init__(self, *lines):
        self.entries = [Entry(str(place).encode(), line) for place, line in enumerate(lines)]

    def take(self):
        return list(self.entries)

    def finish(self, entries):
        self.entries = [entry for entry in self.entries if entry not in entries]


class DeadLetterLog:
    """Dead letters in memory."""

    def __init__(self):
        self.aside = []

    def failed(self, failure, _):
        self.aside.append(failure.content)


class Journal:
    def __init__(self, fault=None, refuses=()):
        self.events = []
        self._fault = fault
        self._refuses = refuses

    def add(self, events):
        if self._fault:
            raise self._fault
        if any(event.action in self._refuses for event in events):
            raise NotAnEventError("was refused")
        self.events += events
        return len(events)


def step(queue, journal, dead_letters=None):
    return EventIngest(queue, journal, logging.getLogger("test"), dead_letters or DeadLetterLog()).step()


def test_a_batch_moves_from_the_queue_into_the_journal():
    queue, journal = Queue(encode(made(1)), None, encode(made(2))), Journal()
    assert step(queue, journal) == 3
    assert journal.events == [made(1), made(2)]
    assert queue.entries == []


def test_unsafe_entries_stay_in_the_queue():
    queue = Queue(encode(made(1)), b"junk")
    with pytest.raises(OSError, match="away"):
        step(queue, Journal(OSError("away")))
    assert len(queue.entries) == 2


def test_invalid_entries_are_set_aside_and_the_rest_is_stored():
    queue = Queue(encode(made(1)), b"junk", encode(made(2, action="bad")), encode(made(3)))
    journal = Journal(refuses=["bad"])
    dead_letters = DeadLetterLog()
    step(queue, journal, dead_letters)
    assert journal.events == [made(1), made(3)]
    assert queue.entries == []
    assert set(dead_letters.aside) == {"junk", encode(made(2, action="bad")).decode()}


def test_an_outage_while_invalid_entries_are_looked_for_keeps_the_batch():
    class Leaves(Journal):
        def add(self, events):
            if len(events) == 1 and events[0].action == "second":
                raise OSError("away")
            return super().add(events)

    queue = Queue(encode(made(1)), encode(made(2, action="second")), encode(made(3, action="bad")))
    with pytest.raises(OSError, match="away"):
        step(queue, Leaves(refuses=["bad"]))
    assert len(queue.entries) == 3
