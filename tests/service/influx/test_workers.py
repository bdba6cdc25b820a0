"""Two workers of the service write the same points at once: real processes, a real server."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.gateway.stack import GunicornProcess
from tests.service.influx.conftest import beat
from tests.tokens import settings_environ

POINTS = 100
SENDERS = 16


@pytest.fixture
def influx(database, redis_url, tmp_path):
    environ = settings_environ("influx", database, redis_url, SPOOL_DIR=str(tmp_path / "spool"))
    stack = GunicornProcess(environ, tmp_path / "influx.log", workers=2, service="influx")
    with stack.running():
        yield stack


@pytest.fixture
def send(influx, org, admin):
    body = json.dumps({"bucket": f"org_{org}", "points": [beat(n % 60, 60 + n, device=str(n)) for n in range(POINTS)]})

    def send(**more):
        headers = {"Content-Type": "application/json", **admin, **more}
        return influx.ask("POST", "/timeseries/write", headers, body.encode())

    return send


def together(call):
    with ThreadPoolExecutor(SENDERS) as pool:
        return list(pool.map(lambda _: call(), range(SENDERS)))


def test_each_point_is_created_by_one_of_all_senders(send):
    answers = together(send)
    assert {answer.status for answer in answers} == {200}
    for point in range(POINTS):
        seen = Counter(answer.json["results"][point]["status"] for answer in answers)
        assert seen == {"created": 1, "duplicate": SENDERS - 1}


def test_a_key_has_one_effect_whichever_worker_it_reaches(send):
    key = {"Idempotency-Key": "00000000-0000-4000-8000-000000000001"}
    answers = together(lambda: send(**key))
    # A request that comes while the first is at work gets Retry-After; all others get the first one's answer.
    assert {answer.status for answer in answers} <= {200, 409}
    assert {it["status"] for answer in answers if answer.status == 200 for it in answer.json["results"]} == {"created"}
    assert send(**key).json["inserted"] == POINTS
