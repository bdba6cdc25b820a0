"""Refusals that repeat: what is an event of its own, what is counted, and that none is counted twice or not at all."""

import itertools

import pytest

from heartguard_common.audit.events import AuditEvent
from heartguard_gateway.refusals import CountedRefusals
from tests.clocks import MovableClock

NUMBERS = itertools.count(1)


class Kept:
    """A trail that remembers; refuses while `full`."""

    def __init__(self):
        self.events, self.full = [], False

    def record(self, event, address=""):  # noqa: ARG002
        if self.full:
            raise OSError("no room")
        self.events.append(event)

    @property
    def counts(self):
        return [event.payload.get("count", 1) for event in self.events]


@pytest.fixture
def trail():
    return Kept()


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def refusals(trail, clock):
    return CountedRefusals(trail, clock, lambda: clock.now_ns() / 1e9, most_callers=3)


def event(status=429, actor="anonymous", **change):
    number = next(NUMBERS)
    outcome = "success" if status < 400 else "denied" if status in (401, 403, 429) else "failure"
    fields = {
        "id": f"event-{number}",
        "time": f"2026-01-01T00:00:{number % 60:02}Z",
        "kind": "access",
        "request_id": f"request-{number}",
        "org_id": None,
        "actor": actor,
        "action": "auth.login",
        "service": "gateway",
        "outcome": outcome,
        "reason": f"GEN_{status}",
        "payload": {"method": "POST", "status": status},
    }
    return AuditEvent(**fields | change)


def test_the_first_is_an_event_and_the_rest_of_its_minute_is_one_more(refusals, trail, clock):
    sent = [event() for _ in range(1000)]
    for one in sent:
        refusals.record(one, "192.0.2.1")
    clock.forward(59)
    refusals.write_ended()
    assert trail.events == sent[:1]
    clock.forward(1)
    refusals.write_ended()
    first, rest = trail.events
    assert (first.payload.get("count"), rest.payload["count"]) == (None, 999)
    assert (rest.payload["first"], rest.payload["last"]) == (sent[1].time, sent[-1].time)
    assert (rest.request_id, rest.action, rest.reason, rest.outcome) == (
        sent[-1].request_id,
        "auth.login",
        "GEN_429",
        "denied",
    )
    assert rest.id not in {one.id for one in sent}
    clock.forward(60)
    refusals.write_ended()
    refusals.record(event(), "192.0.2.1")
    assert len(trail.events) == 3


def test_client_route_and_reason_are_distinguished(refusals, trail, clock):
    for change in ({}, {"action": "auth.register"}, {"reason": "GEN_401"}):
        refusals.record(event(**change), "192.0.2.1")
    refusals = CountedRefusals(trail, clock)
    refusals.record(event(), "2001:db8::1")
    refusals.record(event(), "2001:db8::2")  # the same /64
    refusals.record(event(actor="user:7", org_id=3), "192.0.2.1")
    assert trail.counts == [1] * 5


@pytest.mark.parametrize(("status", "actor", "counted"), [
    (200, "anonymous", False), (500, "anonymous", False), (404, "user:7", False), (422, "user:7", False),
    (401, "anonymous", True), (422, "anonymous", True), (403, "user:7", True), (429, "user:7", True),
])  # fmt: skip
def test_only_free_refusals_are_summed_up(refusals, trail, status, actor, counted):
    for _ in range(3):
        refusals.record(event(status, actor), "192.0.2.1")
    assert len(trail.events) == (1 if counted else 3)


def test_refusals_of_known_callers_are_kept_and_varying_a_flood_does_not_escape(refusals, trail):
    for number in (1, 2):
        refusals.record(event(403, "user:7", resource=f"user:{number}"), "192.0.2.1")
    assert [one.resource for one in trail.events] == ["user:1", "user:2"]
    for status, actor in ((401, "anonymous"), (429, "user:8")):
        for number in (1, 2):
            refusals.record(event(status, actor, resource=f"user:{number}"), "192.0.2.2")
    assert len(trail.events) == 4


def test_more_callers_than_are_remembered_are_counted_together(refusals, trail):
    for number in range(100):
        refusals.record(event(actor=f"user:{number}"), f"192.0.2.{number}")
    refusals.write_ended(all_of_them=True)
    assert len(trail.events) == 3 + 1 + 1
    assert sum(trail.counts) == 100
    assert (trail.events[-1].actor, trail.events[-1].payload["count"]) == ("anonymous", 96)


def test_a_sum_that_cannot_be_written_stays_counted(refusals, trail, clock):
    for _ in range(5):
        refusals.record(event(), "192.0.2.1")
    clock.forward(60)
    trail.full = True
    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            refusals.write_ended()
    refusals.record(event(), "192.0.2.1")
    trail.full = False
    refusals.write_ended(all_of_them=True)
    assert sum(trail.counts) == 6
