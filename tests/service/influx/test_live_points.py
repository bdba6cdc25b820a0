"""Stored points become events of live streams: after the commit, while somebody listens, and never without it."""

import pytest
import redis

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.streams.events import counter_key, decode, stream_key
from tests.people import owner
from tests.servers import until
from tests.tokens import service_auth

POINT = {
    "measurement": "heart_rate",
    "fields": {"bpm": 61},
    "tags": {"user_id": "7"},
    "timestamp": "2024-06-01T08:00:00Z",
}


@pytest.fixture
def live(redis_url, org, database):
    """The events of the organization in Redis, once all are published: topic and document."""
    client = redis.Redis.from_url(redis_url)

    def events():
        until(lambda: notes(database) == 0, "the publication of what was noted")
        found = []
        for _, entry in client.xrange(stream_key(org)):
            topic = entry[b"t"].decode()
            found.append((topic, entry[b"d"].decode() if topic == "reset" else decode(topic, entry[b"d"]).document))
        return found

    return events


@pytest.fixture
def listen(client, org):
    def listen():
        answer = client.post("/timeseries/listeners", json={"org_id": org}, headers=service_auth("gateway"))
        assert answer.status_code == 200, answer.data
        return answer.json

    return listen


def notes(database):
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.stream_batches")
        return cursor.fetchone()[0]


def test_points_are_published_while_somebody_listens(write, live, listen, database):
    assert write(POINT).status_code == 200
    assert live() == []
    assert listen() == {"streams": 1000, "streams_per_member": 20}
    assert write(POINT, {**POINT, "fields": {"bpm": 900}, "timestamp": "2024-06-01T08:01:00Z"}).status_code == 200
    ((topic, document),) = live()  # the first one is a duplicate
    assert topic == "points"
    (point,) = document["points"]
    assert (point["time"], point["fields"], "bpm" in point["out_of_range"]) == (
        "2024-06-01T08:01:00Z",
        {"bpm": 900},
        True,
    )


def test_nothing_is_published_of_what_is_rolled_back(write, live, listen):
    listen()
    answer = write(POINT, {**POINT, "timestamp": "2099-01-01T00:00:00Z"}, query="?atomic=true")
    assert answer.status_code == 422
    assert live() == []


def test_an_idempotent_write_is_published_once(client, org, admin, live, listen):
    listen()
    for _ in range(2):
        headers = admin | {"Idempotency-Key": "one"}
        body = {"bucket": f"org_{org}", "points": [POINT]}
        assert client.post("/timeseries/write", json=body, headers=headers).status_code == 200
    assert len(live()) == 1


def test_a_large_batch_is_divided_and_numbered_without_gaps(write, live, listen, redis_url, org):
    listen()
    points = [{**POINT, "timestamp": f"2024-06-01T{n // 60:02}:{n % 60:02}:00Z"} for n in range(450)]
    assert write(*points).status_code == 200
    assert [len(document["points"]) for _, document in live()] == [200, 200, 50]
    client = redis.Redis.from_url(redis_url)
    numbers = [int(entry[b"n"]) for _, entry in client.xrange(stream_key(org))]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert numbers[-1] == int(client.get(counter_key(org)))


def test_deleted_points_are_taken_away_from_the_stream(write, client, org, admin, live, listen):
    listen()
    assert write(POINT).status_code == 200
    body = {"bucket": f"org_{org}", "measurement": "heart_rate"}
    body |= {"range_start": "2024-01-01T00:00:00Z", "range_stop": "2025-01-01T00:00:00Z"}
    assert client.post("/timeseries/delete", json=body, headers=admin).status_code == 204
    assert live() == [("reset", "removed")]


def test_a_change_that_could_not_be_published_becomes_a_reset(write, live, listen, database, org):
    listen()
    with owner(database) as cursor:  # what a process leaves that is killed between commit and publication
        cursor.execute(
            "INSERT INTO heartguard_core.stream_batches (org_id, noted_at) VALUES (%s, now() - interval '6 s')", (org,)
        )

    until(lambda: live() == [("reset", "lost")], "the reset")


def test_a_process_that_ends_leaves_no_note_of_what_it_has_published(write, live, listen, database, app):
    listen()
    for minute in range(5):
        assert write({**POINT, "timestamp": f"2024-06-01T08:{minute:02}:00Z"}).status_code == 200
    app.extensions[LIFECYCLE].close()
    assert (len(live()), notes(database)) == (5, 0)


def test_only_the_gateway_says_who_listens(client, org, admin):
    for headers in (admin, service_auth("user")):
        assert client.post("/timeseries/listeners", json={"org_id": org}, headers=headers).status_code == 403
