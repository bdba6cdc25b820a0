"""The service with an InfluxDB configured, before the model of one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_common.clock import rfc3339
from heartguard_common.errors import ServiceError
from heartguard_common.identity import Principal
from heartguard_common.lifecycle import LIFECYCLE
from heartguard_influx.domain.point import Point
from heartguard_influx.settings import Settings
from heartguard_influx.store.influx.server import PROBE
from heartguard_influx.usecases.writing import Permit
from heartguard_influx.wiring import create_app
from tests.clocks import MovableClock
from tests.fakes.authority import KnownPeople
from tests.fakes.influxdb.http_server import Answered
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.people import owner
from tests.service.influx.conftest import beat
from tests.tokens import service_auth, settings_environ

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


def readiness(client):
    answer = client.get("/timeseries/ready")
    return answer.status_code, {item["name"]: item["status"] for item in answer.json["dependencies"]}


def test_ready_names_influxdb(client):
    status, found = readiness(client)
    assert (status, found["influxdb"]) == (200, "ok")


@pytest.mark.parametrize("spoiled", [{"INFLUX_TOKEN": "wrong"}, {"INFLUX_ORG": "nobody"}])
def test_a_server_that_does_not_know_us_is_not_ready(database, redis_url, variables, spoiled):
    environ = settings_environ("influx", database, redis_url) | variables | spoiled
    app = create_app(Settings.from_env(environ), MovableClock())
    status, found = readiness(app.test_client())
    assert (status, found["influxdb"], found["postgresql"]) == (503, "failed", "ok")
    app.extensions[LIFECYCLE].close()


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


def test_nothing_of_a_refused_atomic_batch_is_stored(write, query):
    answer = write(beat(0, 70), beat(1, 71, time="reserved"), query="?atomic=true")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "TS_004")
    assert [fault["path"] for fault in answer.json["error"]["details"]] == ["/points/1"]
    assert query().json["series"] == []


def test_what_was_registered_for_a_batch_that_failed_stays_and_it_can_be_sent_again(model, write, query):
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
    assert client.delete(f"/timeseries/buckets/{name}", headers=admin).status_code == 204
    assert buckets_of(model) == {f"org_{org}": None}
    erased = client.post("/timeseries/erasures", json={"org_id": org}, headers=service_auth("organization"))
    assert erased.status_code == 200
    assert buckets_of(model) == {}


class SlowInfluxDB(ModelInfluxDB):
    """Holds the next write until `go`, when it has `arrived`."""

    def __init__(self, now_ns):
        self.holds, self.arrived, self.go = False, threading.Event(), threading.Event()
        super().__init__(now_ns)

    def answer(self, asked):
        if self.holds and asked.target.startswith("/api/v2/write"):
            self.holds = False
            self.arrived.set()
            assert self.go.wait(9)
        return super().answer(asked)


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

    def stored():
        return sum(len(series) for bucket in slow._buckets.values() for series in bucket.points.values())

    assert write(member, beat(0)) == 200
    with ThreadPoolExecutor(1) as threads:
        slow.holds = True
        late = threads.submit(write, member, beat(1))
        assert slow.arrived.wait(20)
        first = erase(0)
        assert first["again_in"] in (59, 60)
        assert write(member, beat(2)) == 401, "what begins after the mark is refused"
        slow.go.set()
        assert late.result(20) in ((200,) if whose == "person" else (200, 404))
    assert erase(30)["again_in"] in (29, 30)
    assert "again_in" not in erase(61)
    assert stored() == 0
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.series")
        assert cursor.fetchone() == (0,)
    app.extensions[LIFECYCLE].close()


def test_a_person_who_is_deleted_while_a_batch_is_sent_in_parts_gets_no_more_of_it():
    clock, people = MovableClock(), KnownPeople()
    writer = Principal("person", "admin", user_id=1, org_id=1)
    permit = Permit(people, clock, writer, frozenset({7}))
    point = Point("heart_rate", (("user_id", "7"),), {"bpm": 60.0}, 0)
    assert permit.fault(point) is None
    permit.require()
    people.gone.add(7)
    permit.require()  # the answer is still young
    clock.forward(6)
    with pytest.raises(ServiceError) as raised:
        permit.require()
    assert raised.value.row.code == "GEN_503", "who sends it again is told which points"
    assert Permit(people, clock, writer, frozenset({7})).fault(point) is not None
    people.gone.add(1)
    clock.forward(6)
    with pytest.raises(ServiceError) as raised:
        permit.require()
    assert raised.value.row.code == "GEN_401_TOKEN"
