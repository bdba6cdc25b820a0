"""One organization asks more than its share of a real service: everybody else is answered, and what is slow ends."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.http.web import make_app
from heartguard_common.runtime.bootstrap import make_web_dependencies, open_dependencies
from heartguard_influx import wiring
from heartguard_influx.routes import ROUTES
from heartguard_influx.settings import Settings
from heartguard_influx.usecases import UseCases
from tests.people import found, owner
from tests.servers import until
from tests.service.gateway.stack import GunicornProcess
from tests.service.influx.conftest import admin_of, beat
from tests.service.influx.test_streams import superuser
from tests.tokens import service_auth, settings_environ

DAY = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
EXPENSIVE = {"measurement": "heart_rate", **DAY, "aggregate": "p95", "every": "1m"}
SENDERS = 16


@pytest.fixture
def influx(database, redis_url, tmp_path):
    with owner(database) as cursor:
        # In a table of two rows PostgreSQL might read those of the slow organization to answer the others.
        cursor.execute(f"ALTER DATABASE {database.name} SET enable_seqscan = off")
    environ = settings_environ("influx", database, redis_url, SPOOL_DIR=str(tmp_path / "spool"))
    stack = GunicornProcess(environ, tmp_path / "influx.log", workers=2, service="influx")
    with stack.running():
        yield stack


@pytest.fixture
def slow(database):
    """A function that makes PostgreSQL take so many seconds for each row of points of an organization."""

    def slow(org_id, seconds):
        with owner(database) as cursor:
            cursor.execute(
                "SELECT s.id FROM heartguard_core.series s JOIN heartguard_core.buckets b ON b.id = s.bucket_id"
                " WHERE b.org_id = %s",
                (org_id,),
            )
            series = [row[0] for row in cursor]
            cursor.execute("ALTER TABLE heartguard_core.points ENABLE ROW LEVEL SECURITY")
            cursor.execute(
                "CREATE POLICY slow ON heartguard_core.points FOR SELECT USING"
                " (CASE WHEN series_id = ANY (%s) THEN (SELECT true FROM pg_sleep(%s)) ELSE true END)",
                (series, seconds),
            )
            for verb, rule in (("INSERT", "WITH CHECK"), ("UPDATE", "USING"), ("DELETE", "USING")):
                cursor.execute(f"CREATE POLICY {verb} ON heartguard_core.points FOR {verb} {rule} (true)")

    return slow


def post(stack, path, headers, org, **body):
    document = json.dumps({"bucket": f"org_{org}", **body}).encode()
    return stack.ask("POST", f"/timeseries/{path}", {"Content-Type": "application/json", **headers}, document)


def point(second, **tags):
    return {"points": [beat(second, **tags)]}


def test_sixteen_slow_queries_of_one_caller_leave_room_for_others(influx, database, org, admin, slow):
    other = found(database, "Hospital")
    neighbour = admin_of(database, other)
    for headers, number in ((admin, org), (neighbour, other)):
        assert post(influx, "write", headers, number, **point(0)).status == 200
    slow(org, 10)  # longer than the others need, also on a busy machine, and less than a query may take
    with ThreadPoolExecutor(SENDERS) as pool:
        asked = [pool.submit(post, influx, "query", admin, org, **EXPENSIVE) for _ in range(SENDERS)]
        until(lambda: influx_waits(database) >= 2, "the first slow query")
        answers = []
        for second in range(1, 9):
            answers += [
                post(influx, "query", neighbour, other, **EXPENSIVE),
                post(influx, "latest", neighbour, other),
                post(influx, "write", neighbour, other, **point(second)),
                influx.ask("GET", "/timeseries/health"),
            ]
        # Its own cheap requests are answered too.
        answers += [influx.ask("GET", "/timeseries/buckets", admin) for _ in range(4)]
        assert [answer.status for answer in answers] == [200] * len(answers)
        assert not all(it.done() for it in asked)
        outcomes = [it.result() for it in asked]
    good = [answer for answer in outcomes if answer.status == 200]
    refused = [answer for answer in outcomes if answer.status != 200]
    assert good
    assert refused
    assert {(it.status, it.code, it.headers["retry-after"]) for it in refused} == {(503, "GEN_503_BUSY", "1")}
    assert places_taken(influx) == 0


def test_imports_of_one_organization_leave_room_for_the_points_of_others(influx, database, org, admin):
    other = found(database, "Hospital")
    neighbour = admin_of(database, other)
    fields = {f"f{number}": 1.0 for number in range(50)}
    batch = [beat(number % 60 + number / 1000) | {"fields": fields} for number in range(101)]
    assert post(influx, "write", admin, org, points=batch[:100]).status == 200  # 5,000 values: none of its business
    with superuser(database) as cursor, ThreadPoolExecutor(SENDERS) as pool:
        cursor.execute("SELECT FROM heartguard_core.points WHERE number = 1 FOR UPDATE")  # until the block ends
        changed = [point | {"fields": fields | {"f0": 2.0}} for point in batch]
        sent = [pool.submit(post, influx, "write", admin, org, points=changed) for _ in range(SENDERS)]
        until(lambda: sum(it.done() for it in sent) >= SENDERS - 4, "the end of those that find no place")
        answers = [post(influx, "write", neighbour, other, **point(second)) for second in range(8)]
        answers += [post(influx, "query", neighbour, other, **EXPENSIVE), influx.ask("GET", "/timeseries/health")]
        assert [answer.status for answer in answers] == [200] * len(answers)
        cursor.connection.rollback()
        outcomes = [it.result() for it in sent]
    assert {it.status for it in outcomes} == {200, 503}
    assert {it.code for it in outcomes if it.status == 503} == {"GEN_503_BUSY"}


def places_taken(influx):
    """What the metrics of all workers say of both lanes."""
    lines = influx.ask("GET", "/timeseries/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("heartguard_lane_used{"))


def influx_waits(database):
    """How many statements of the service sleep now."""
    with superuser(database) as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s", [database.name]
        )
        return cursor.fetchone()[0]


def test_slow_readers_of_one_organization_hold_no_more_streams_than_their_share(influx, database, org, admin):
    other = found(database, "Hospital")
    neighbour = admin_of(database, other)
    for headers, number in ((admin, org), (neighbour, other)):
        assert post(influx, "write", headers, number, **point(0)).status == 200
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.points (series_id, time_ns, field_id, number)"
            " SELECT series_id, time_ns + n * 1000000::bigint, field_id, n FROM heartguard_core.points,"
            " generate_series(1, 60000) AS n"
        )
    whole = {"measurement": "heart_rate", **DAY}
    with ExitStack() as links, ThreadPoolExecutor(SENDERS) as pool:
        statuses = list(pool.map(lambda _: begun(links, influx, admin, org, whole), range(SENDERS)))
        assert set(statuses) == {200, 503}
        assert statuses.count(200) <= 2  # one in each worker
        assert post(influx, "query", neighbour, other, **whole).status == 200
        assert post(influx, "query", admin, org, **EXPENSIVE).status == 200
        assert influx.ask("GET", "/timeseries/health").status == 200
    # The readers have gone; what they held is given back.
    until(lambda: post(influx, "query", admin, org, **whole).status == 200, "a stream")


def begun(links, stack, headers, org, body):
    """Ask and read no more than the first bytes of the answer; its status."""
    link = links.enter_context(socket.socket())
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(20)
    link.connect(("127.0.0.1", stack.port))
    document = json.dumps({"bucket": f"org_{org}", **body})
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    link.sendall(
        f"POST /timeseries/query HTTP/1.1\r\nHost: x\r\n{head}Content-Type: application/json\r\n"
        f"Content-Length: {len(document)}\r\n\r\n{document}".encode()
    )
    return int(link.recv(12).split(b" ")[1])


@pytest.fixture
def hurried(database, redis_url, clock):
    """A client of the service whose every expensive route has but 0.3 s."""
    settings = Settings.from_env(settings_environ("influx", database, redis_url))
    parts = open_dependencies("influx", settings, clock)
    imports = wiring.open_imports(settings, parts, wiring.in_postgresql(parts))
    usecases = UseCases.over(imports.with_imports())
    web = make_web_dependencies("influx", settings, parts)
    web = replace(web, jobs=parts.operated_jobs("influx", {}, imports.jobs))
    routes = [replace(route, seconds=0.3) if route.seconds else route for route in ROUTES]
    app = make_app(web, routes, usecases)
    yield app.test_client()
    app.extensions[LIFECYCLE].close()


def test_a_query_that_takes_too_long_ends_with_an_error(hurried, client, org, admin, slow, database, write):
    bucket = f"org_{org}_more"
    assert client.post("/timeseries/buckets", json={"bucket": bucket}, headers=admin).status_code == 201
    assert write(beat(0, user_id="7"), bucket=bucket).status_code == 200
    slow(org, 20)
    whole = {"measurement": "heart_rate", **DAY}
    bodies = {"query": whole, "latest": {}, "summary": {"day": "2024-06-01", "user_id": 7}, "delete": whole}
    for path, body in (*bodies.items(), ("query", EXPENSIVE)):
        answer = hurried.post(f"/timeseries/{path}", json={"bucket": bucket, **body}, headers=admin)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "GEN_422_TIME"), path
    # What is removed part by part gets on when it is sent again.
    erasure = {"org_id": org, "user_id": 7}
    for answer in (
        hurried.delete(f"/timeseries/buckets/{bucket}", headers=admin),
        hurried.post("/timeseries/erasures", json=erasure, headers=service_auth("user")),
    ):
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "TS_008")
    assert influx_waits(database) == 0
