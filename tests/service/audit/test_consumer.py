"""The consumer as a process: killed, stopped, and with its servers unavailable."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heartguard_audit import consumer
from heartguard_audit.domain.events import Search
from heartguard_audit.store.events import PostgresEvents
from heartguard_cli.programs import Program
from heartguard_common.audit.events import FIELD, STREAM, encode
from heartguard_common.audit.log import AuditLog
from heartguard_common.audit.outbox import Outbox
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.registry import python_path
from heartguard_common.jobs.deletion_list import Deletion, DeletionList
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import make_redis
from heartguard_common.stores.spool import Spool
from tests.people import owner
from tests.servers import measured, until
from tests.store.audit.conftest import event
from tests.tokens import operator_auth, settings_environ


class Process:
    """`python -m heartguard_audit.consumer` with the environment of a launched service."""

    def __init__(self, environ):
        self._environ = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path("audit"), **measured(), **environ}
        self._process = None

    def start(self):
        command = [sys.executable, "-m", "heartguard_audit.consumer"]
        self._process = subprocess.Popen(command, env=self._environ, stderr=subprocess.DEVNULL)

    def send(self, number):
        self._process.send_signal(number)

    def end(self, number):
        """The exit status; 0 if the process ended normally."""
        self.send(number)
        return self._process.wait(60)

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None


class Trail:
    """The events that have arrived."""

    def __init__(self, url):
        self._database = Database(url)
        self._events = PostgresEvents(self._database)

    def ids(self):
        return [row.event.id for row in reversed(self._events.page(Search(1, {}), 10_000))]

    def close(self):
        self._database.close()


@pytest.fixture
def start():
    processes = []

    def begin(environ):
        process = Process(environ)
        process.start()
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.running:
            process.send(signal.SIGCONT)
            process.end(signal.SIGKILL)


@pytest.fixture
def trail(environ):
    opened = Trail(environ["DATABASE_URL"])
    yield opened
    opened.close()


@pytest.fixture
def redis(environ):
    with make_redis(environ["REDIS_URL"], timeout_seconds=1) as client:
        yield client


@pytest.fixture
def own_redis(environ, valkey_server):
    """The environment with a Valkey that only this test uses."""
    return {**environ, "REDIS_URL": valkey_server.url}


def post(redis, events):
    for one in events:
        redis.xadd(STREAM, {FIELD: encode(one)})


def wanted(events):
    return [one.id for one in events]


def test_the_consumer_stores_events_reports_itself_alive_and_ends_on_sigterm(start, environ, redis, trail):
    sent = [event() for _ in range(450)]
    post(redis, sent)
    process = start(environ)
    until(lambda: trail.ids() == wanted(sent), "arrival")
    until(lambda: redis.ttl("hg:audit:consumer:alive") > 0, "a sign of life")
    assert process.end(signal.SIGTERM) == 0
    until(lambda: not redis.exists("hg:audit:consumer:alive"), "the end of the sign of life")


def test_a_consumer_killed_repeatedly_loses_and_doubles_nothing(start, environ, redis, trail):
    sent = [event() for _ in range(3000)]
    post(redis, sent)
    for reached in (1, 1000, 2000):
        process = start(environ)
        until(lambda reached=reached: len(trail.ids()) >= reached, "progress")
        process.end(signal.SIGKILL)
    start(environ)
    until(lambda: redis.xlen(STREAM) == 0, "an empty stream")
    assert trail.ids() == wanted(sent)


def test_spools_of_all_services_are_drained_each_in_its_order(start, environ, trail, redis, tmp_path):
    kinds = {"gateway": "access", "media": "change"}
    sent = {name: [event(service=name, kind=kind) for _ in range(20)] for name, kind in kinds.items()}
    for name, events in sent.items():
        for one in events:
            Spool(tmp_path / "spool" / f"{name}.events").append(encode(one))
    # A crash during draining leaves the older part under another name.
    older = [event(service="media") for _ in range(3)]
    (tmp_path / "spool" / "media.draining").write_bytes(b"".join(encode(one) + b"\n" for one in older))
    start(environ)
    until(lambda: len(trail.ids()) == 43, "arrival")
    assert trail.ids() == wanted(sent["gateway"] + older + sent["media"])
    assert not [path for path in (tmp_path / "spool").iterdir() if path.suffix != ".lock"]


def test_redis_killed_and_back_loses_nothing_and_keeps_the_order(start, own_redis, valkey_server, trail, tmp_path):
    producer = make_redis(own_redis["REDIS_URL"])
    log = AuditLog("user", producer, Spool(tmp_path / "spool" / "user.events"), SystemClock())
    sent = [event() for _ in range(30)]
    process = start(own_redis)
    for one in sent[:10]:
        log.record(one)
    until(lambda: len(trail.ids()) == 10, "the first ten")
    valkey_server.kill()
    for one in sent[10:20]:
        log.record(one)
    valkey_server.start()
    until(lambda: len(trail.ids()) == 20, "what was spooled")
    for one in sent[20:]:
        log.record(one)
    until(lambda: len(trail.ids()) == 30, "the rest")
    assert trail.ids() == wanted(sent)
    assert process.running
    producer.close()


def test_a_redis_that_comes_back_empty_gets_its_group_again(start, environ, redis, trail):
    start(environ)
    until(lambda: redis.exists(STREAM) == 1, "the group")
    redis.flushall()
    sent = [event()]
    post(redis, sent)
    until(lambda: trail.ids() == wanted(sent), "arrival")


def put(environ, *events):
    """Events as a service commits them with its changes."""
    opened = Database(environ["DATABASE_URL"], pool_size=1)
    outbox = Outbox(opened)
    with opened.transaction():
        for one in events:
            outbox.put(encode(one))
    opened.close()


def test_committed_events_arrive_in_order(start, environ, redis, trail):
    start(environ)
    until(lambda: redis.exists("hg:audit:consumer:alive") == 1, "a sign of life")
    sent = [event() for _ in range(450)]
    put(environ, *sent)
    until(lambda: trail.ids() == wanted(sent), "arrival")


def test_a_finished_deletion_is_listed_outside_of_the_database(start, environ, tmp_path, redis, trail):
    environ = {**environ, "CHECKPOINT_DIR": str(tmp_path)}
    done = {"actor": "service:user", "service": "user", "action": "user.deleted", "resource": "user:7"}
    ended = {"actor": "service:organization", "service": "organization", "action": "organization.deleted"}
    said = [
        event(**done),
        event(**{**done, "outcome": "failure"}),
        event(**{**done, "actor": "user:12"}),  # whoever has written it by POST /audit/events
        event(**{**done, "actor": "service:user", "service": "media"}),
        event(**{**done, "resource": "organization:1"}),
        event(**ended, resource="organization:1"),
        event(**ended, resource="organization:2"),
    ]
    post(redis, [event(**done)])  # whoever can write to Redis
    put(environ, *said)
    start(environ)
    until(lambda: len(trail.ids()) == len(said) + 1, "arrival")
    listed = DeletionList(tmp_path, environ["AUDIT_CHECKPOINT_KEY"])
    until(lambda: len(listed.read()) == 2, "the list")
    assert listed.read() == [Deletion(said[0].id, said[0].time, 1, 7), Deletion(said[5].id, said[5].time, 1, None)]
    assert listed.path.stat().st_mode & 0o777 == 0o600


def test_committed_events_arrive_without_redis(start, own_redis, valkey_server, trail):
    process = start(own_redis)
    valkey_server.kill()
    sent = [event() for _ in range(3)]
    put(own_redis, *sent)
    until(lambda: trail.ids() == wanted(sent), "arrival")
    assert process.running


def test_a_consumer_killed_while_it_empties_the_outbox_loses_and_doubles_nothing(start, environ, trail):
    sent = [event() for _ in range(3000)]
    put(environ, *sent)
    for reached in (1, 1000, 2000):
        process = start(environ)
        until(lambda reached=reached: len(trail.ids()) >= reached, "progress")
        process.end(signal.SIGKILL)
    start(environ)
    until(lambda: len(trail.ids()) >= len(sent), "arrival")
    assert trail.ids() == wanted(sent)


def test_an_outbox_that_cannot_be_emptied_makes_the_service_unready(start, environ, database, redis, client):
    """A consumer whose rounds fail does not refresh its key, and `/audit/ready` lists it as failed."""
    start(environ)
    until(lambda: redis.exists("hg:audit:consumer:alive") == 1, "a sign of life")
    with owner(database) as cursor:
        cursor.execute("REVOKE DELETE ON heartguard_core.audit_outbox FROM heartguard_audit")
    put(environ, event())
    until(lambda: not redis.exists("hg:audit:consumer:alive"), "the end of the sign of life")
    statuses = {it["name"]: it["status"] for it in client.get("/audit/ready").json["dependencies"]}
    assert statuses["consumer"] == "failed"
    assert b"heartguard_audit_outbox 1.0" in client.get("/audit/metrics").data


def test_the_supervisor_gives_the_consumer_enough_time_to_end():
    assert Program.stop_seconds > consumer.REDIS_TIMEOUT + consumer.GRACE_SECONDS


def test_a_hanging_redis_does_not_prevent_the_end(start, own_redis, valkey_server):
    client = valkey_server.client()
    process = start(own_redis)
    until(lambda: client.exists("hg:audit:consumer:alive") == 1, "a sign of life")
    client.close()
    valkey_server.freeze()
    assert process.end(signal.SIGTERM) == 0
    valkey_server.thaw()


def test_events_survive_a_stopped_and_a_hanging_postgresql(start, own_postgres, redis_url, tmp_path):
    with own_postgres.database() as database:
        environ = settings_environ("audit", database, redis_url, SPOOL_DIR=str(tmp_path))
        client = make_redis(redis_url, timeout_seconds=1)
        process = start(environ)
        until(lambda: client.exists("hg:audit:consumer:alive") == 1, "a sign of life")
        own_postgres.kill()
        sent = [event() for _ in range(250)]
        post(client, sent)
        until(lambda: not client.exists("hg:audit:consumer:alive"), "the end of the sign of life")
        own_postgres.start()
        trail = Trail(environ["DATABASE_URL"])
        until(lambda: trail.ids() == wanted(sent), "arrival")
        own_postgres.freeze()
        late = [event()]
        post(client, late)
        until(lambda: client.xpending(STREAM, "audit")["pending"] == 1, "the current batch")
        assert process.end(signal.SIGTERM) == 0
        own_postgres.thaw()
        start(environ)
        until(lambda: client.xlen(STREAM) == 0, "an empty stream")
        assert trail.ids() == wanted(sent + late)
        trail.close()
        client.close()


def test_a_bad_spool_line_or_checkpoint_file_delays_no_other(start, environ, redis, trail, tmp_path, client):
    """Each of these items ended every round of the consumer before it had read the stream."""
    sent = [event(service="media"), event()]
    (tmp_path / "spool" / "auth.draining").mkdir(parents=True)
    Spool(tmp_path / "spool" / "media.events").append(b"no event")
    Spool(tmp_path / "spool" / "media.events").append(encode(sent[0]))
    (Path(environ["CHECKPOINT_DIR"]) / "checkpoints.ndjson").mkdir(parents=True)
    start(environ)
    until(lambda: trail.ids() == wanted(sent[:1]), "the spool that can be read")
    post(redis, sent[1:])
    until(lambda: trail.ids() == wanted(sent), "the stream")
    until(lambda: redis.exists("hg:audit:consumer:alive") == 1, "a sign of life")

    def dead_letters(status):
        answer = client.get(f"/audit/dead-letters?status={status}", headers=operator_auth())
        return {item["queue"]: item for item in answer.json["items"]}

    until(lambda: set(dead_letters("retrying")) == {"spools", "checkpoints"}, "both failures")
    (bad,) = dead_letters("dead").values()
    assert (bad["queue"], bad["reason"]) == ("events", "is not the JSON of an event")
    # The causes are removed, and the operator retries all items.
    (tmp_path / "spool" / "auth.draining").rmdir()
    for letter in (bad, dead_letters("retrying")["spools"]):
        assert client.post(f"/audit/dead-letters/{letter['id']}/retry", headers=operator_auth()).status_code == 204
    until(lambda: set(dead_letters("retrying")) == {"checkpoints"}, "the spool")
    until(lambda: set(dead_letters("dead")) == {"events"}, "the line to be judged again")
    assert dead_letters("dead")["events"]["id"] != bad["id"]
