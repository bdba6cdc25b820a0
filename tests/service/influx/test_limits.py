"""How much an organization may write and keep, with its points in PostgreSQL and in InfluxDB."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_influx.settings import Settings
from heartguard_influx.wiring import create_app
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.people import found, join, limit, owner
from tests.servers import until
from tests.tokens import bearer, settings_environ

WEEK = 7 * 86_400


@pytest.fixture
def admin(org):
    return bearer(1, "admin", org, lifetime=WEEK)


@pytest.fixture(params=["postgresql", "influxdb"])
def store(request):
    return request.param


@pytest.fixture
def variables(database, redis_url, clock, store):
    with ModelInfluxDB(clock.now_ns()) as model:
        named = {"INFLUX_URL": model.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG} if store == "influxdb" else {}
        yield settings_environ("influx", database, redis_url) | named


@pytest.fixture
def app(variables, clock):
    app = create_app(Settings.from_env(variables), clock)
    yield app
    app.extensions[LIFECYCLE].close()


def points(count, first=0, **tags):
    times = [f"2026-03-01T00:{at // 60:02}:{at % 60:02}Z" for at in range(first, first + count)]
    return [{"measurement": "heart_rate", "tags": tags, "fields": {"bpm": 60}, "timestamp": time} for time in times]


def error(answer):
    return answer.status_code, answer.json["error"]["code"]


def stored(client, org, who):
    body = {"bucket": f"org_{org}", "measurement": "heart_rate", "range_start": "2026-03-01T00:00:00Z"}
    body |= {"range_stop": "2026-03-02T00:00:00Z", "aggregate": "count"}
    found = client.post("/timeseries/query", json=body, headers=who).json["series"]
    return sum(point["fields"]["bpm"] for series in found for point in series["points"])


def refusals(client, name):
    wanted = f'heartguard_limit_refusals_total{{limit="{name}"}} '
    lines = client.get("/timeseries/metrics").text.splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def test_a_days_values_end_and_begin_again_the_next_day(write, client, database, org, admin, clock):
    limit(database, org, points_per_day=10)
    assert write(*points(6)).json["inserted"] == 6
    refused = write(*points(5, 6))
    assert error(refused) == (429, "GEN_429_LIMIT")
    assert "points_per_day of 10 " in refused.json["error"]["message"]
    wait = int(refused.headers["Retry-After"])
    assert wait == 86_400 - clock.now_ns() // 10**9 % 86_400
    assert (stored(client, org, admin), refusals(client, "points_per_day")) == (6, 1)
    assert write(*points(4, 6)).json["inserted"] == 4
    clock.forward(wait)
    assert write(*points(5, 10)).json["inserted"] == 5
    other = found(database, "Other")
    body = {"bucket": f"org_{other}", "points": points(11)}
    stranger = bearer(join(database, other, "admin"), "admin", other, lifetime=WEEK)
    assert client.post("/timeseries/write", json=body, headers=stranger).status_code == 200


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_one_member_cannot_use_up_the_daily_limit_of_others(write, client, database, org, admin, member):
    """600,000 points in 24 s from one account."""
    limit(database, org, points_per_day_per_member=10)
    statuses = [write(*points(6, first), headers=member).status_code for first in (0, 6, 12)]
    assert statuses == [200, 429, 429]
    message = write(*points(6, 6), headers=member).json["error"]["message"]
    assert "points_per_day_per_member of 10 " in message
    assert write(*points(4, 6), headers=member).status_code == 200
    assert write(*points(10, 100)).status_code == 200
    assert stored(client, org, admin) == 20


def test_a_deletion_makes_room(write, client, database, org, admin):
    limit(database, org, stored_points=10)
    assert write(*points(10)).status_code == 200
    refused = write(*points(1, 10))
    assert error(refused) == (409, "GEN_409_LIMIT")
    assert "stored_points of 10 " in refused.json["error"]["message"]
    assert "POST /timeseries/delete" in refused.json["error"]["message"]
    gone = {"bucket": f"org_{org}", "measurement": "heart_rate", "range_start": "2026-03-01T00:00:00Z"}
    gone |= {"range_stop": "2026-03-01T00:00:04Z"}
    assert client.post("/timeseries/delete", json=gone, headers=admin).status_code == 204
    assert [write(*points(count, first)).status_code for first, count in ((10, 5), (20, 4), (30, 1))] == [409, 200, 409]
    assert stored(client, org, admin) == 10


def test_parallel_writers_do_not_take_the_last_values_twice(app, database, org, admin):
    limit(database, org, points_per_day=10)

    def send(at):
        body = {"bucket": f"org_{org}", "points": points(2, 2 * at)}
        return app.test_client().post("/timeseries/write", json=body, headers=admin).status_code

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(send, range(16))) == {200: 5, 429: 11}
    assert stored(app.test_client(), org, admin) == 10


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_repeated_values_and_batches_of_several_statements_are_counted(write, database, org, member):
    twice = [{**point, "fields": {"bpm": bpm}} for point in points(2) for bpm in (60, 61)]
    assert write(*twice).status_code == 200
    wide = {"measurement": "wide", "fields": {f"f{n}": 1 for n in range(250)}}
    assert (
        write(*[{**wide, "timestamp": point["timestamp"]} for point in points(100)], headers=member).status_code == 200
    )
    with owner(database) as cursor:
        cursor.execute("SELECT sum(written), sum(stored) FROM heartguard_core.point_counts")
        assert cursor.fetchone() == (25_004, 25_002)
        cursor.execute("SELECT subject, used FROM heartguard_core.daily_counts ORDER BY subject")
        assert cursor.fetchall() == [("1", 4), ("7", 25_000)]


def test_new_series_without_room_are_rejected_by_themselves(write, app, client, database, org, admin, store):
    limit(database, org, series=4, series_per_member=2)
    batch = [point for place in "abc" for point in points(1, user_id="7", place=place)]
    answer = write(*batch, *points(1, user_id="8"))
    reasons = [result.get("reason", "") for result in answer.json["results"]]
    rejected = [reason for reason in reasons if reason]
    assert (answer.status_code, answer.json["inserted"], len(rejected)) == (200, 3, 1)
    assert "series_per_member of 2 " in rejected[0]
    assert refusals(client, "series_per_member") == 1
    atomic = write(*points(1, 1, user_id="8"), *points(1, user_id="7", place="d"), query="?atomic=true")
    assert error(atomic) == (422, "TS_004")
    assert stored(client, org, admin) == 3

    def send(number):
        body = {"bucket": f"org_{org}", "points": points(1, number, place=f"room {number}")}
        return app.test_client().post("/timeseries/write", json=body, headers=admin).json["inserted"]

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 1
    assert "series of 4 " in write(*points(1, place="z")).json["results"][0]["reason"]
    if store == "postgresql":
        gone = {"bucket": f"org_{org}", "measurement": "heart_rate", "tags": {"user_id": "7"}}
        gone |= {"range_start": "2026-03-01T00:00:00Z", "range_stop": "2026-03-02T00:00:00Z"}
        assert client.post("/timeseries/delete", json=gone, headers=admin).status_code == 204
        assert write(*points(1, user_id="7", place="e"), *points(1, user_id="7", place="f")).json["inserted"] == 2


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_new_fields_without_room_are_rejected_by_themselves(write, client, database, org):
    limit(database, org, fields=2)
    write({"measurement": "steps", "fields": {"count": 1}}, {"measurement": "steps", "fields": {"pace": 1}})
    answer = write({"measurement": "steps", "fields": {"more": 1}}, {"measurement": "steps", "fields": {"count": 2}})
    assert [result["status"] == "rejected" for result in answer.json["results"]] == [True, False]
    assert "fields of 2 " in answer.json["results"][0]["reason"]
    assert refusals(client, "fields") == 1


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_buckets_are_made_until_there_are_as_many_as_there_may_be(app, database, org, admin):
    limit(database, org, buckets=3)

    def make(number):
        body = {"bucket": f"org_{org}_{number}"}
        return app.test_client().post("/timeseries/buckets", json=body, headers=admin).status_code

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(make, range(8))) == {201: 3, 409: 5}
    client = app.test_client()
    refused = client.post("/timeseries/buckets", json={"bucket": f"org_{org}_z"}, headers=admin)
    assert error(refused) == (409, "GEN_409_LIMIT")
    made = next(it["bucket"] for it in client.get("/timeseries/buckets", headers=admin).json["items"][::-1])
    assert client.delete(f"/timeseries/buckets/{made}", headers=admin).status_code == 204
    assert client.post("/timeseries/buckets", json={"bucket": f"org_{org}_z"}, headers=admin).status_code == 201


@pytest.mark.parametrize("store", ["influxdb"], indirect=True)
def test_values_replaced_in_influxdb_count_twice_until_the_recount(write, app, database, org, admin, clock, variables):
    limit(database, org, stored_points=10)
    assert [write(*points(5)).status_code for _ in range(3)] == [200, 200, 409]
    app.extensions[LIFECYCLE].close()
    later = create_app(Settings.from_env(variables), clock)  # its hourly thread begins at once
    try:
        until(lambda: used(database) == 5, "what is stored is counted")
        body = {"bucket": f"org_{org}", "points": points(5, 5)}
        assert later.test_client().post("/timeseries/write", json=body, headers=admin).status_code == 200
    finally:
        later.extensions[LIFECYCLE].close()


def used(database):
    with owner(database) as cursor:
        cursor.execute("SELECT sum(stored) FROM heartguard_core.point_counts")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_past_days_are_summed_and_stored_values_still_count(write, app, database, org, admin, clock, variables):
    limit(database, org, stored_points=10)
    assert write(*points(8)).status_code == 200
    clock.forward(3 * 86_400)
    with owner(database) as cursor:
        cursor.execute("SELECT sum(stored) FROM heartguard_core.point_counts WHERE day > '1970-01-01'")
        assert cursor.fetchone() == (8,)
    app.extensions[LIFECYCLE].close()
    later = create_app(Settings.from_env(variables), clock)
    try:

        def folded():
            with owner(database) as cursor:
                cursor.execute("SELECT day::text, stored FROM heartguard_core.point_counts")
                return cursor.fetchall() == [("1970-01-01", 8)]

        until(folded, "the hourly thread, which begins at the start, adds them up")
        body = {"bucket": f"org_{org}", "points": points(3, 20)}
        answer = later.test_client().post("/timeseries/write", json=body, headers=admin)
        assert error(answer) == (409, "GEN_409_LIMIT")
    finally:
        later.extensions[LIFECYCLE].close()
