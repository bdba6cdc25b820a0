"""200,000 raw points of 40 series out of PostgreSQL and a real InfluxDB (docs/testing.md); `-s` prints the seconds."""

import json
import os
import time

import pytest

from heartguard_common.core.clock import rfc3339
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_influx.settings import Settings
from heartguard_influx.wiring import create_app
from tests.tokens import settings_environ

REAL = {f"INFLUX_{name}": os.environ.get(f"HEARTGUARD_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG")}
BEGIN = 1_717_200_000 * 10**9  # 1 June 2024
SERIES, POINTS = 40, 5000
pytestmark = [
    pytest.mark.skipif(not all(REAL.values()), reason="needs HEARTGUARD_TEST_INFLUX_URL, _TOKEN and _ORG"),
    pytest.mark.timeout(900),
]


@pytest.fixture(params=["postgres", "influx-real"])
def app(request, database, redis_url, clock):
    where = REAL if request.param == "influx-real" else {}
    app = create_app(Settings.from_env(settings_environ("influx", database, redis_url) | where), clock)
    yield app
    app.extensions[LIFECYCLE].close()


@pytest.fixture
def bucket(client, org, admin):
    name = f"org_{org}_{time.time_ns()}"
    assert client.post("/timeseries/buckets", json={"bucket": name}, headers=admin).status_code == 201
    yield name
    assert client.delete(f"/timeseries/buckets/{name}", headers=admin).status_code == 204


def test_200_000_raw_points_of_40_series(client, admin, bucket, request):
    seconds = {"write": sum(written(client, admin, bucket, device) for device in range(SERIES))}
    question = {"bucket": bucket, "measurement": "heart_rate"}
    question |= {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
    for media_type in ("application/x-ndjson", "application/json"):
        begun = time.perf_counter()
        answer = client.post("/timeseries/query", json=question, headers={**admin, "Accept": media_type})
        body = answer.get_data()
        seconds[media_type] = time.perf_counter() - begun
        assert answer.status_code == 200
        times = [point["time"] for point in points_of(body, media_type)]
        assert len(set(times)) == SERIES * POINTS
    summary = ", ".join(f"{name} {spent:.2f} s" for name, spent in seconds.items())
    print(f"\n{request.node.callspec.id}: {summary}")


def written(client, admin, bucket, device):
    """Seconds that one batch takes."""
    points = [
        {
            "measurement": "heart_rate",
            "tags": {"device": f"d{device}"},
            "fields": {"bpm": 60 + place % 50},
            "timestamp": rfc3339(BEGIN + place * 10**9 + device),
        }
        for place in range(POINTS)
    ]
    body = json.dumps({"bucket": bucket, "points": points})
    begun = time.perf_counter()
    answer = client.post("/timeseries/write", data=body, headers={**admin, "Content-Type": "application/json"})
    assert answer.status_code == 200
    return time.perf_counter() - begun


def points_of(body, media_type):
    if media_type == "application/x-ndjson":
        return [json.loads(line) for line in body.splitlines()]
    return [point for series in json.loads(body)["series"] for point in series["points"]]
