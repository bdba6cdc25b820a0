"""Sending audit events: their content, and that they are stored when the call returns."""

import json

import pytest
import redis

from heartguard_common.audit.events import FIELD, STREAM, AuditEvent, decode, encode
from heartguard_common.audit.log import AuditLog
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.policy import load
from heartguard_common.stores.spool import Spool

NOON = 1_795_435_200_000_000_001  # 2026-11-23T12:00:00.000000001Z
PERSON = Principal(kind="person", role="admin", user_id=12, org_id=3)


class Clock:
    def now_ns(self):
        return NOON


class FakeRedis:
    """A stream in memory that can be unavailable, or store an event and lose the reply."""

    def __init__(self):
        self.fault = None
        self.lost_answer = None
        self.lines = []

    def xadd(self, stream, fields):
        if self.fault:
            raise self.fault
        assert stream == STREAM
        self.lines.append(fields[FIELD])
        if self.lost_answer:
            raise self.lost_answer

    def pipeline(self, *, transaction):
        assert not transaction
        return FakePipeline(self)

    @property
    def actions(self):
        return [decode(line).action for line in self.lines]


class FakePipeline:
    def __init__(self, server):
        self.server = server
        self.waiting = []

    def xadd(self, stream, fields):
        self.waiting.append((stream, fields))

    def execute(self):
        for stream, fields in self.waiting:
            self.server.xadd(stream, fields)


@pytest.fixture
def server():
    return FakeRedis()


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "user.events")


@pytest.fixture
def log(server, spool):
    return AuditLog("user", server, spool, Clock())


@pytest.fixture
def request_ids():
    mine, gateways = REQUEST_ID.set("r-1"), GATEWAY_REQUEST_ID.set("g-1")
    yield
    REQUEST_ID.reset(mine)
    GATEWAY_REQUEST_ID.reset(gateways)


@pytest.mark.usefixtures("request_ids")
def test_a_change_event_has_actor_action_time_and_request(log, server):
    event = log.changed(PERSON, "user.updated", "user:12", payload={"role": "admin", "before": "user"})
    assert [decode(line) for line in server.lines] == [event]
    assert (event.actor, event.org_id, event.action, event.resource) == ("user:12", 3, "user.updated", "user:12")
    assert (event.kind, event.service, event.outcome, event.reason) == ("change", "user", "success", None)
    assert (event.request_id, event.gateway_request_id) == ("r-1", "g-1")
    assert event.time == "2026-11-23T12:00:00.000000001Z"
    assert event.payload == {"role": "admin", "before": "user"}


@pytest.mark.parametrize(
    ("actor", "org_id", "said", "trail"),
    [
        (PERSON, None, "user:12", 3),
        (PERSON, 4, "user:12", 4),
        (None, None, "anonymous", None),
        (None, 5, "anonymous", 5),
        (Principal(kind="operator", role="operator"), None, "operator", None),
        (Principal(kind="service", role="service", name="media"), 6, "service:media", 6),
    ],
)
def test_an_actor_is_an_id_and_the_trail_is_given_or_the_actors(log, actor, org_id, said, trail):
    event = log.changed(actor, "x.y", "z:1", org_id=org_id)
    assert (event.actor, event.org_id) == (said, trail)


def test_ids_rise_with_the_events(log):
    ids = [log.changed(PERSON, "x.y", "z:1").id for _ in range(50)]
    assert ids == sorted(set(ids))
    assert {event_id[14] for event_id in ids} == {"7"}


def test_an_event_is_one_line_of_ascii_json_and_is_read_unchanged():
    event = AuditEvent(
        *("0", "2026-11-23T12:00:00Z", "access", "r", None, "operator", "gateway.services", "gateway", "denied"),
        payload={"text": "line\nend é \u2028", "number": 1.5, "yes": True, "nothing": None},
    )
    line = encode(event)
    assert line.isascii()
    assert b"\n" not in line
    assert decode(line) == event
    assert json.loads(line)["org_id"] is None


@pytest.mark.parametrize("line", [b"", b"[]", b"7", b"{}", b'{"colour": "red"}', b"\xff"])
def test_an_invalid_line_is_refused(line):
    with pytest.raises((ValueError, TypeError)):
        decode(line)


@pytest.mark.parametrize(
    "fault",
    [redis.ConnectionError(), redis.TimeoutError(), redis.ResponseError("OOM"), redis.BusyLoadingError(), OSError()],
    ids=lambda fault: type(fault).__name__,
)
def test_events_wait_while_redis_refuses_them_and_are_sent_first_in_order(log, server, spool, fault):
    server.fault = fault
    for action in ("a.a", "a.b"):
        log.changed(PERSON, action, "z:1")
    assert server.lines == []
    assert not spool.empty()
    server.fault = None
    log.changed(PERSON, "a.c", "z:1")
    assert server.actions == []
    assert log.drain() == 3
    assert server.actions == ["a.a", "a.b", "a.c"]
    assert spool.empty()


def test_an_event_with_a_lost_acknowledgement_is_sent_again_under_its_id(log, server):
    server.lost_answer = redis.TimeoutError()
    event = log.changed(PERSON, "a.a", "z:1")
    server.lost_answer = None
    assert log.drain() == 1
    assert [decode(line).id for line in server.lines] == [event.id, event.id]


def test_draining_returns_how_many_and_raises_while_redis_is_unavailable(log, server):
    assert log.drain() == 0
    server.fault = redis.ConnectionError()
    log.changed(PERSON, "a.a", "z:1")
    with pytest.raises(redis.ConnectionError):
        log.drain()
    server.fault = None
    assert log.drain() == 1


class Transaction:
    """An outbox inside or outside of a transaction."""

    def __init__(self, *, open_now=True):
        self.open_now = open_now
        self.lines = []

    def put(self, line):
        if self.open_now:
            self.lines.append(line)
        return self.open_now


def test_events_of_a_transaction_are_written_only_in_it(server, spool):
    outbox = Transaction()
    event = AuditLog("user", server, spool, Clock(), outbox).changed(PERSON, "user.updated", "user:12")
    assert [decode(line) for line in outbox.lines] == [event]
    assert server.lines == []


def test_events_outside_of_a_transaction_go_to_the_stream(server, spool):
    event = AuditLog("user", server, spool, Clock(), Transaction(open_now=False)).changed(PERSON, "x.y", "z:1")
    assert [decode(line) for line in server.lines] == [event]


def test_a_denial_survives_the_transaction_that_it_rolls_back(server, spool):
    outbox = Transaction()
    AuditLog("user", server, spool, Clock(), outbox).changed(PERSON, "x.y", "z:1", outcome="denied")
    assert (outbox.lines, server.actions) == ([], ["x.y"])


def test_a_waiting_spool_does_not_block_a_transaction(server, spool):
    server.fault = redis.ConnectionError()
    outbox = Transaction()
    log = AuditLog("user", server, spool, Clock(), outbox)
    log.changed(PERSON, "a.a", "z:1", outcome="denied")
    log.changed(PERSON, "a.b", "z:1")
    assert [decode(line).action for line in outbox.lines] == ["a.b"]


def test_an_event_that_cannot_be_kept_is_an_error(server, tmp_path):
    (tmp_path / "file").write_text("no directory")
    server.fault = redis.ConnectionError()
    broken = AuditLog("user", server, Spool(tmp_path / "file" / "user.events"), Clock())
    with pytest.raises(OSError, match="file"):
        broken.changed(PERSON, "a.a", "z:1")


def test_the_policy_audits_everything_but_probes_documents_and_keys():
    """Health, ready, metrics, openapi, the pages, schemas and jwks are not audited, all else is."""
    quiet = {row.id for row in load().rules if not row.audited}
    ends = (
        "/health",
        "/ping",
        "/ready",
        "/metrics",
        "/docs",
        "/docs/errors",
        "/schemas",
        "/schemas/{file}",
        "/{asset}",
        "/portal",
    )
    ends += ("/openapi.json", "/.well-known/jwks.json")
    # Auth records these in the organization that they concern.
    identities = {"auth.switch", "auth.memberships", "auth.delete_identity", "auth.accept_invitation"}
    assert quiet == identities | {row.id for row in load().rules if row.path.endswith(ends) or row.path == "/"}
    assert len(quiet) < len(load().rules)
