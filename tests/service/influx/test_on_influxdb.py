"""The service with an InfluxDB configured, before the model of one."""

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.identity.authentication import Principal
from heartguard_influx.points.domain.point import Point
from heartguard_influx.points.usecases.permission import WritePermission
from heartguard_influx.settings import Settings
from heartguard_influx.store.influxdb.server import PROBE
from heartguard_influx.wiring import create_app
from tests.clocks import MovableClock
from tests.fakes.authority import KnownPeople
from tests.fakes.influxdb.http_server import Answered
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.people import enroll, owner
from tests.servers import free_port
from tests.service.influx.conftest import beat
from tests.tokens import service_auth, settings_environ

DAY = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
NOW = {"measurement": "heart_rate", "fields": {"bpm": 60}}


@pytest.fixture
def model(clock):
    with ModelInfluxDB(clock.now_ns()) as model:
        yield model


@pytest.fixture
def variables(model):
    return {"INFLUX_URL": model.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}


@pytest.fixture
def app(database, redis_url, clock, variables):
    app = create_app(Settings.from_env(settings_environ("influx", database, redis_url) | variables), clock)
    yield app
    app.extensions[LIFECYCLE].close()


class LogLines(logging.Handler):
    """The lines about InfluxDB in the service's log."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        if "InfluxDB" in record.getMessage():
            self.lines.append(record)


@pytest.fixture
def log_lines():
    handler = LogLines()
    logging.getLogger("heartguard.influx").addHandler(handler)
    yield handler
    logging.getLogger("heartguard.influx").removeHandler(handler)


def readiness(client):
    answer = client.get("/timeseries/ready")
    return answer.status_code, {item["name"]: item["status"] for item in answer.json["dependencies"]}


def test_ready_names_influxdb(client):
    status, found = readiness(client)
    assert (status, found["influxdb"]) == (200, "ok")


@pytest.mark.parametrize(
    ("spoiled", "reason", "said"),
    [
        ({"INFLUX_TOKEN": "wr0ng"}, "INFLUX_TOKEN is no token of that server", "401 unauthorized access"),
        ({"INFLUX_ORG": "nobody"}, "INFLUX_ORG is no organization of that server", '404 organization name "nobody"'),
        ({"INFLUX_URL": f"http://127.0.0.1:{free_port()}"}, "INFLUX_URL can't be reached", "Connection refused"),
    ],
)
def test_a_server_that_does_not_know_us_is_not_ready_and_says_why(
    log_lines, database, redis_url, variables, spoiled, reason, said
):
    environ = settings_environ("influx", database, redis_url) | variables | spoiled
    app = create_app(Settings.from_env(environ), MovableClock())
    for accept in ("application/json", "application/xml"):
        answer = app.test_client().get("/timeseries/ready", headers={"Accept": accept})
        assert answer.status_code == 503
        shown = answer.get_data(as_text=True)
        assert reason in shown.replace("&apos;", "'")
        assert said not in shown, "the server's message is for the operator"
    found = {item["name"]: item for item in app.test_client().get("/timeseries/ready").json["dependencies"]}
    assert (found["influxdb"]["status"], found["influxdb"]["reason"]) == ("failed", reason)
    assert (found["postgresql"]["status"], "reason" in found["postgresql"]) == ("ok", False)
    (line,) = log_lines.lines  # not at every question
    assert line.levelname == "ERROR"
    assert reason in line.getMessage()
    assert said in line.getMessage()
    assert "wr0ng" not in line.getMessage()
    app.extensions[LIFECYCLE].close()


def test_a_token_that_gets_its_rights_makes_the_service_ready(log_lines, client, model):
    model.kind = "read"
    assert readiness(client)[0] == 503
    model.kind = "all"
    assert readiness(client) == (200, {"exports": "ok", "influxdb": "ok", "postgresql": "ok", "redis": "ok"})
    *errors, last = (line.levelname for line in log_lines.lines)
    assert (set(errors), last) == ({"ERROR"}, "INFO")


def test_a_token_without_read_orgs_does_everything(client, org, admin, model, write, query):
    model.kind = "buckets"
    lab = f"org_{org}_lab"
    assert readiness(client)[0] == 200
    assert (
        client.post("/timeseries/buckets", json={"bucket": lab, "retention_days": 9}, headers=admin).status_code == 201
    )
    for bucket in (f"org_{org}", lab):
        assert write(bucket=bucket, points=[NOW]).status_code == 200
    assert write(beat(0, 70)).json["results"] == [{"status": "stored"}]
    assert len(query().json["series"][0]["points"]) == 1
    deletion = {"bucket": f"org_{org}", "measurement": "heart_rate"}
    deletion |= {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
    assert client.post("/timeseries/delete", json=deletion, headers=admin).status_code == 204
    assert query().json["series"] == []
    assert client.delete(f"/timeseries/buckets/{lab}", headers=admin).status_code == 204
    erased = client.post("/timeseries/erasures", json={"org_id": org}, headers=service_auth("organization"))
    assert erased.status_code == 200
    assert buckets_of(model) == {}


@pytest.mark.parametrize("kind", ["inactive", "write", "read"])
def test_a_token_that_lost_its_rights_shows_no_empty_store_and_acknowledges_no_deletion(
    client, org, admin, model, write, query, kind
):
    assert write(beat(0, 70, user_id="7")).status_code == 200
    model.kind = kind
    deletion = {"bucket": f"org_{org}", "measurement": "heart_rate"}
    deletion |= {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
    erasure = {"org_id": org, "user_id": 7}
    answers = [
        client.post("/timeseries/delete", json=deletion, headers=admin),
        client.post("/timeseries/erasures", json=erasure, headers=service_auth("user")),
        query(),
        client.get("/timeseries/ready"),
    ]
    assert [answer.status_code for answer in answers] == [502, 502, 200 if kind == "read" else 502, 503]
    with nullcontext() if kind == "read" else pytest.raises(ServiceError):  # a stream that is cut off
        client.get(f"/timeseries/exports?org_id={org}&user_id=7", headers=service_auth("user"))
    model.kind = "all"
    assert len(query().json["series"][0]["points"]) == 1, "nothing was deleted"
    assert client.post("/timeseries/delete", json=deletion, headers=admin).status_code == 204
    assert query().json["series"] == []


def failures(client):
    text = client.get("/timeseries/metrics", headers={"Accept": "text/plain"}).get_data(as_text=True)
    found = re.findall(r'^heartguard_influxdb_failures_total\{kind="(\w+)"\} ([0-9.]+)$', text, re.MULTILINE)
    return {kind: float(value) for kind, value in found if float(value)}, {kind for kind, _ in found}


def test_failures_are_counted_by_kind(client, org, model, write, query):
    assert failures(client) == ({}, {"refused", "away", "busy", "fault", "cut", "unconfirmed", "erasure"})
    assert write(beat(0, 70, user_id="7")).status_code == 200
    answer_of = model.answer
    model.answer = lambda asked: answer_of(asked) if asked.method == "GET" else Answered(500, "broken")
    assert write(beat(1, 70)).status_code == 502
    found = failures(client)[0]
    assert found.pop("fault") >= 1  # reading the metrics pings InfluxDB, and a failed ping is a fault too
    assert found == {"unconfirmed": 1}
    model.answer = answer_of
    # A deletion that is acknowledged and does nothing.
    model._delete = lambda *_: Answered(204)
    erasure = {"org_id": org, "user_id": 7}
    assert client.post("/timeseries/erasures", json=erasure, headers=service_auth("user")).status_code == 502
    assert failures(client)[0].keys() == {"fault", "unconfirmed", "erasure"}
    model.kind = "inactive"
    assert query().status_code == 502
    assert failures(client)[0]["refused"] == 1


def test_points_go_in_and_come_out(write, query):
    answer = write(beat(0, 70, user_id="1"), beat(1, 72, user_id="1"), beat(60, 80, user_id="1"))
    assert answer.json["results"] == [{"status": "stored"}] * 3
    assert (answer.json["success"], answer.json["inserted"]) == (True, 3)
    (series,) = query().json["series"]
    assert [point["fields"]["bpm"] for point in series["points"]] == [70, 72, 80]
    (series,) = query(aggregate="mean", every="1m").json["series"]
    assert [(point["fields"]["bpm"], point["count"]) for point in series["points"]] == [(71, 2), (80, 1)]


def test_a_write_under_an_idempotency_key_is_answered_again_and_stored_once(client, org, admin, query):
    body = {"bucket": f"org_{org}", "points": [beat(0, 70)]}
    headers = {**admin, "Idempotency-Key": "once-and-only-once"}
    answers = [client.post("/timeseries/write", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert len(query().json["series"][0]["points"]) == 1


def test_points_without_a_time_are_dated_by_the_first_try_under_their_key(client, org, admin, model, clock, query):
    body = {"bucket": f"org_{org}", "points": [{"measurement": "heart_rate", "fields": {"bpm": 70}}]}
    headers = {**admin, "Idempotency-Key": "stored-and-then-lost"}
    answer_of = model.answer
    # The server stores the batch, and its answer is lost.
    model.answer = lambda asked: (
        answer_of(asked) if _is_no_write(asked) else (answer_of(asked), Answered(500, "lost"))[1]
    )
    assert client.post("/timeseries/write", json=body, headers=headers).status_code == 502
    model.answer = answer_of
    begun = clock.now_ns()
    clock.forward(90)
    assert client.post("/timeseries/write", json=body, headers=headers).json["inserted"] == 1
    (series,) = query(range_start=rfc3339(begun - 10**9), range_stop=rfc3339(clock.now_ns() + 10**9)).json["series"]
    assert [point["time"] for point in series["points"]] == [rfc3339(begun)]
    # Another body under the key of a failed request is refused as under any other.
    other = client.post("/timeseries/write", json={**body, "org": str(org)}, headers=headers)
    assert other.json["error"]["code"] == "GEN_422_KEY"


def _is_no_write(asked):
    return asked.method == "GET" or not asked.target.startswith("/api/v2/write") or "bpm" not in asked.body


def test_a_refused_atomic_batch_stores_nothing(write, query):
    answer = write(beat(0, 70), beat(1, 71, time="reserved"), query="?atomic=true")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "TS_004")
    assert [rejection["path"] for rejection in answer.json["error"]["details"]] == ["/points/1"]
    assert query().json["series"] == []


def test_a_failed_batch_keeps_its_registrations_and_can_be_sent_again(model, write, query):
    answer_of = model.answer
    model.answer = lambda asked: answer_of(asked) if asked.method == "GET" else Answered(500, "broken")
    failed = write(beat(0, 70))
    assert (failed.status_code, failed.json["error"]["code"]) == (502, "TS_033")
    model.answer = answer_of
    assert write(beat(0, "text")).json["results"][0]["status"] == "rejected"
    assert write(beat(0, 70)).json["results"] == [{"status": "stored"}]
    assert len(query().json["series"][0]["points"]) == 1


def test_a_server_that_is_gone_is_503_and_says_when_to_come_back(model, write, query):
    assert write(beat(0, 70)).status_code == 200
    model.close()
    for answer in (write(beat(1, 71)), query()):
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "TS_030")
        assert answer.headers["Retry-After"] == "1"


def buckets_of(model):
    """The buckets of organizations: not the one by which readiness proves its rights."""
    return {name: seconds for name, seconds in model.buckets().items() if name != PROBE}


def test_the_end_of_an_organization_ends_its_buckets_there_too(client, org, admin, write, model):
    name = f"org_{org}_lab"
    made = client.post("/timeseries/buckets", json={"bucket": name, "retention_days": 30}, headers=admin)
    assert made.status_code == 201
    for bucket in (f"org_{org}", name):
        assert write(bucket=bucket, points=[NOW]).status_code == 200
    assert buckets_of(model) == {f"org_{org}": None, name: 30 * 86_400}
    for empty in (f"{name}_a", f"{name}_b"):  # without points, so the server has no such buckets
        assert client.post("/timeseries/buckets", json={"bucket": empty}, headers=admin).status_code == 201
    assert client.delete(f"/timeseries/buckets/{name}_a", headers=admin).status_code == 204
    assert client.delete(f"/timeseries/buckets/{name}", headers=admin).status_code == 204
    assert buckets_of(model) == {f"org_{org}": None}
    erased = client.post("/timeseries/erasures", json={"org_id": org}, headers=service_auth("organization"))
    assert erased.status_code == 200
    assert buckets_of(model) == {}


class SlowInfluxDB(ModelInfluxDB):
    """Holds the next request for a path that begins with `holds` until `go`, when it has `arrived`."""

    def __init__(self, now_ns):
        self.holds, self.arrived, self.go = None, threading.Event(), threading.Event()
        super().__init__(now_ns)

    def answer(self, asked):
        if self.holds and asked.target.startswith(self.holds):
            self.holds = None
            self.arrived.set()
            assert self.go.wait(60)
        return super().answer(asked)

    def stored(self):
        """How many points there are."""
        return sum(len(series) for bucket in self._buckets.values() for series in bucket.points.values())


@pytest.fixture
def slow(clock):
    with SlowInfluxDB(clock.now_ns()) as model:
        yield model


@pytest.mark.parametrize("whose", ["person", "organization"])
def test_a_write_that_arrives_after_the_erasure_is_erased_by_the_second(
    database, redis_url, clock, slow, org, member, admin, whose
):
    variables = {"INFLUX_URL": slow.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
    app = create_app(Settings.from_env(settings_environ("influx", database, redis_url) | variables), clock)
    client = app.test_client()
    mark = {
        "person": "UPDATE heartguard_core.users SET deleted_at = now() - interval '{} seconds' WHERE id = 7",
        "organization": "UPDATE heartguard_core.organizations SET closed_at = now() - interval '{} seconds'",
    }[whose]
    subject = {"org_id": org, **({"user_id": 7} if whose == "person" else {})}

    def write(headers, point):
        body = {"bucket": f"org_{org}", "points": [point]}
        return app.test_client().post("/timeseries/write", json=body, headers=headers).status_code

    def erase(seconds):
        with owner(database) as cursor:
            cursor.execute(mark.format(seconds))
        return client.post("/timeseries/erasures", json=subject, headers=service_auth("user")).get_json()

    assert write(member, beat(0)) == 200
    with ThreadPoolExecutor(1) as threads:
        slow.holds = "/api/v2/write"
        late = threads.submit(write, member, beat(1))
        assert slow.arrived.wait(20)
        first = erase(0)
        assert first["again_in"] in (59, 60)
        assert write(member, beat(2)) == 401, "what begins after the mark is refused"
        slow.go.set()
        assert late.result(20) in ((200,) if whose == "person" else (200, 404))
    assert erase(30)["again_in"] in (29, 30)
    assert "again_in" not in erase(61)
    assert slow.stored() == 0
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.series")
        assert cursor.fetchone() == (0,)
    app.extensions[LIFECYCLE].close()


def test_an_admin_demoted_while_points_are_counted_deletes_none(database, redis_url, clock, slow, org, member, admin):
    variables = {"INFLUX_URL": slow.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
    app = create_app(Settings.from_env(settings_environ("influx", database, redis_url) | variables), clock)
    bucket = f"org_{org}"
    kept = app.test_client().post("/timeseries/write", json={"bucket": bucket, "points": [beat(0)]}, headers=member)
    assert kept.status_code == 200

    def delete(headers):
        asked = {"bucket": bucket, "measurement": "heart_rate", **DAY}
        return app.test_client().post("/timeseries/delete", json=asked, headers=headers).status_code

    with ThreadPoolExecutor(1) as threads:
        slow.holds = "/api/v2/query"
        asked = threads.submit(delete, admin)
        assert slow.arrived.wait(20)
        enroll(database, org, 1, "user")
        slow.go.set()
        assert asked.result(20) == 401
    assert slow.stored() == 1
    assert delete(member) < 300
    assert slow.stored() == 0
    app.extensions[LIFECYCLE].close()


def test_a_person_deleted_during_a_batch_in_parts_gets_no_more_points():
    clock, people = MovableClock(), KnownPeople()
    writer = Principal("person", "admin", user_id=1, org_id=1)
    permission = WritePermission(people, clock, writer, frozenset({7}))
    point = Point("heart_rate", (("user_id", "7"),), {"bpm": 60.0}, 0)
    assert permission.rejection(point) is None
    permission.require()
    people.gone.add(7)
    permission.require()  # the answer is still young
    clock.forward(6)
    with pytest.raises(ServiceError) as raised:
        permission.require()
    assert raised.value.error_code.code == "GEN_503", "sent again, the answer names the points"
    assert WritePermission(people, clock, writer, frozenset({7})).rejection(point) is not None
    people.gone.add(1)
    clock.forward(6)
    with pytest.raises(ServiceError) as raised:
        permission.require()
    assert raised.value.error_code.code == "GEN_401_TOKEN"
