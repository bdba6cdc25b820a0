"""Clients of InfluxDB, unchanged, with an API key at the gateway; and where they put the key."""

import base64
import gzip
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from influxdb_client import InfluxDBClient, Point, WriteOptions
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from heartguard_common.core.paths import REPO_ROOT
from tests.protection.api_keys import ENTRY_POINTS, Key, make
from tests.protection.stack import Person, ProtectedStack

GUIDE = REPO_ROOT / "docs" / "guides" / "influxdb-clients.md"
START = 1717236000  # 2024-06-01T10:00:00Z


@pytest.fixture(scope="module")
def admin(protected_stack: ProtectedStack) -> Person:
    return protected_stack.found("influxdb.admin")


@pytest.fixture(scope="module")
def device(protected_stack: ProtectedStack, admin: Person) -> Key:
    return make(protected_stack, admin)


@pytest.fixture
def client(protected_stack: ProtectedStack, device: Key) -> Iterator[InfluxDBClient]:
    url = f"http://127.0.0.1:{protected_stack.entry_points['gateway'].port}"
    with InfluxDBClient(url, token=device.secret, org="influxdb.admin@example.com", enable_gzip=True) as client:
        client.org = client.organizations_api().find_organizations()[0].name
        yield client


def stored(stack: ProtectedStack, admin: Person, name: str) -> list[float]:
    """The heart rates that a device of that name has written."""
    asked = {
        "bucket": f"org_{admin.org_id}",
        "measurement": "heart_rate",
        "tags": {"device": name},
        "range_start": "2024-06-01T00:00:00Z",
        "range_stop": "2024-06-02T00:00:00Z",
    }
    answer = stack.post("/timeseries/query", asked, admin.bearer)
    assert answer.status == 200, answer.body
    return [point["fields"]["bpm"] for series in answer.json["series"] for point in series["points"]]


def beat(device: str, second: int, bpm: float = 72.0) -> Point:
    at = datetime.fromtimestamp(START + second, UTC)
    return Point("heart_rate").tag("device", device).field("bpm", bpm).time(at)


def test_influxdb_client_writes_at_once(protected_stack: ProtectedStack, client: InfluxDBClient, admin: Person) -> None:
    assert client.ping()
    assert client.version() == "v2.7.12"
    bucket = client.buckets_api().find_bucket_by_name(f"org_{admin.org_id}")
    assert client.buckets_api().find_bucket_by_name("nothing") is None
    with client.write_api(write_options=SYNCHRONOUS) as writer:
        writer.write(bucket.name, record=[beat("synchronous", second) for second in range(3)])
        writer.write(
            bucket.id, org=client.organizations_api().find_organizations()[0].id, record=beat("synchronous", 3)
        )
        with pytest.raises(ApiException) as caught:
            writer.write(bucket.name, record=[beat("synchronous", 4), beat("synchronous", 5).tag("user_id", "999999")])
    assert caught.value.status == 400
    assert json.loads(caught.value.body)["message"] == (
        "partial write: line 2: the tag user_id names somebody else dropped=1"
    )
    assert len(stored(protected_stack, admin, "synchronous")) == 5


def test_influxdb_client_writes_in_batches(
    protected_stack: ProtectedStack, client: InfluxDBClient, admin: Person
) -> None:
    options = WriteOptions(batch_size=40, flush_interval=60_000)
    with client.write_api(write_options=options) as writer:
        for second in range(100):
            writer.write(f"org_{admin.org_id}", record=beat("batching", second))
    assert len(stored(protected_stack, admin, "batching")) == 100


def test_the_recipe_of_the_guide_works_as_printed(protected_stack: ProtectedStack, admin: Person, device: Key) -> None:
    (recipe,) = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    url = f"http://127.0.0.1:{protected_stack.entry_points['gateway'].port}"
    environ = {**os.environ, "HEARTGUARD_URL": url, "KEY": device.secret, "BUCKET": f"org_{admin.org_id}"}
    subprocess.run([sys.executable, "-c", recipe], env=environ, check=True, timeout=60)
    latest = {"bucket": f"org_{admin.org_id}", "measurement": "heart_rate", "tags": {"device": "guide"}}
    assert protected_stack.post("/timeseries/latest", latest, admin.bearer).json["items"]


def credentials(secret: str) -> dict[str, tuple[str, str, Mapping[str, str]]]:
    """Each place where a client puts a key: the path, the query, and the headers."""
    basic = base64.b64encode(f"anyone:{secret}".encode()).decode()
    paths = {"2": "/api/v2/write?bucket=", "1": "/write?db="}
    tokens = {
        f"{kind} {version}": (path, "", {"Authorization": f"{kind} {secret}"})
        for kind in ("Token", "Bearer")
        for version, path in paths.items()
    }
    return {
        **tokens,
        "password": (paths["1"], "", {"Authorization": f"Basic {basic}"}),
        "query": (paths["1"], f"&u=anyone&p={secret}", {}),
    }


def test_a_key_stands_where_clients_of_each_version_put_it_and_in_no_log(
    protected_stack: ProtectedStack, admin: Person, device: Key
) -> None:
    body = f"heart_rate,device=credentials bpm=72 {START}".encode()
    wrong = device.secret[:-1] + ("a" if device.secret[-1] != "a" else "b")
    for entry_point in ENTRY_POINTS:
        server = protected_stack.entry_points[entry_point]
        for where, (path, query, headers) in credentials(device.secret).items():
            answer = server.ask("POST", f"{path}org_{admin.org_id}{query}", headers, body)
            assert answer.status == 204, (entry_point, where, answer.body)
        for where, (path, query, headers) in credentials(wrong).items():
            answer = server.ask("POST", f"{path}org_{admin.org_id}{query}", headers, body)
            assert answer.status == 401, (entry_point, where, answer.body)
        # InfluxDB 2 takes no key in a query or as a password, and no other route does
        for where in ("password", "query"):
            _, query, headers = credentials(device.secret)[where]
            answer = server.ask("POST", f"/api/v2/write?bucket=org_{admin.org_id}{query}", headers, body)
            assert answer.status == 401, (entry_point, where, answer.body)
        assert server.ask("GET", f"/timeseries/measurements?p={device.secret}").status == 401
        assert device.secret not in server.log.read_text()
    # a person's session does not write as somebody else's key, whichever stands first
    target = f"/write?db=org_{admin.org_id}&p={wrong}"
    assert protected_stack.entry_points["gateway"].ask("POST", target, admin.bearer, body).status == 204


def test_telegrafs_body_without_a_length_is_stored(protected_stack: ProtectedStack, admin: Person, device: Key) -> None:
    packed = gzip.compress(
        "".join(f"heart_rate,device=chunked bpm=70 {START + n}000000000\n" for n in range(500)).encode()
    )
    head = (
        f"POST /api/v2/write?bucket=org_{admin.org_id}&org={admin.org_id} HTTP/1.1\r\nHost: gateway\r\n"
        f"Authorization: Token {device.secret}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    parts = [packed[begin : begin + 100] for begin in range(0, len(packed), 100)]
    body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", protected_stack.entry_points["gateway"].port), timeout=20) as link:
        link.sendall(head + body)
        answer = b"".join(iter(lambda: link.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 204 "), answer
    assert len(stored(protected_stack, admin, "chunked")) == 500


def test_home_assistant_finds_what_it_looks_for(protected_stack: ProtectedStack, admin: Person, device: Key) -> None:
    gateway = protected_stack.entry_points["gateway"]
    token = {"Authorization": f"Token {device.secret}"}
    for method in ("GET", "HEAD"):
        answer = gateway.ask(method, "/ping")
        assert (answer.status, answer.headers["x-influxdb-version"], answer.body) == (204, "v2.7.12", b"")
    health = gateway.ask("GET", "/health").json
    assert {"name", "status", "message", "version"} <= health.keys()
    # it begins with a body without lines, and by 400 or success it knows that the server is there
    for path in (f"/api/v2/write?bucket=org_{admin.org_id}&org={admin.org_id}", f"/write?db=org_{admin.org_id}"):
        assert gateway.ask("POST", path, token).status == 204
