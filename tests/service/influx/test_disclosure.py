"""Whoever sees somebody else's points leaves an event for each person; who sees their own leaves none."""

import json

import pytest
import redis

from heartguard_common.audit.events import FIELD, STREAM
from tests.service.influx.conftest import beat

DAY = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
QUERY = {"measurement": "heart_rate", **DAY}


@pytest.fixture
def disclosures(redis_url, org):
    """A function that returns the recorded disclosures (reader, action, person) and clears them."""

    def found():
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            events = [json.loads(entry[FIELD]) for _, entry in client.xrange(STREAM)]
            client.delete(STREAM)
        disclosed = [it for it in events if it["action"].endswith(".disclosed")]
        assert {it["payload"]["bucket"] for it in disclosed} <= {f"org_{org}"}
        return [(it["actor"], it["action"].removesuffix(".disclosed"), it["resource"]) for it in disclosed]

    return found


@pytest.fixture
def ask(client, org, admin, write, disclosures):
    write(beat(0, user_id="7"), beat(1, user_id="8"), beat(2, user_id="1"), beat(3))
    disclosures()

    def send(path, headers=None, **members):
        body = {"bucket": f"org_{org}", **members}
        assert client.post(f"/timeseries/{path}", json=body, headers=headers or admin).status_code == 200

    return send


@pytest.mark.parametrize("more", [{}, {"aggregate": "mean", "every": "1h"}, {"group_by": ["user_id"]}])
def test_each_person_of_a_query_is_recorded(ask, disclosures, more):
    ask("query", **QUERY, **more)
    assert disclosures() == [("user:1", "timeseries.query", f"user:{it}") for it in (7, 8)]


def test_a_query_for_one_person_names_that_one(ask, disclosures):
    ask("query", **QUERY, tags={"user_id": "8"})
    assert disclosures() == [("user:1", "timeseries.query", "user:8")]


def test_latest_and_summary_are_recorded(ask, disclosures):
    ask("latest", tags={"user_id": "7"})
    ask("summary", user_id=8, day="2024-06-01")
    expected = [("timeseries.latest", "user:7"), ("timeseries.summary", "user:8")]
    assert disclosures() == [("user:1", action, person) for action, person in expected]


def test_reading_own_data_is_no_disclosure(ask, member, disclosures):
    ask("query", member, **QUERY)
    ask("latest", member)
    ask("summary", member, day="2024-06-01")
    ask("query", **QUERY, tags={"user_id": "1"})
    assert disclosures() == []


def test_an_empty_answer_is_no_disclosure(ask, disclosures):
    ask("query", measurement="steps", **DAY, tags={"user_id": "7"})
    assert disclosures() == []
