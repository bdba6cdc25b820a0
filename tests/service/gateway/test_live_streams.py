"""Live streams as clients see them, through the gateway's port."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest
from lxml import etree

from heartguard_common.streams.events import counter_key, stream_key
from tests.people import enroll, found
from tests.servers import Database, Valkey, until
from tests.service.gateway.live import LiveSystem, live_system
from tests.tokens import bearer

FROM = "2024-06-01T08:00:"


def beat(second: int, person: int = 7, measurement: str = "heart_rate") -> dict[str, object]:
    tags = {"user_id": str(person)}
    return {
        "measurement": measurement,
        "fields": {"bpm": 60 + second},
        "tags": tags,
        "timestamp": f"{FROM}{second:02}Z",
    }


@pytest.fixture(scope="module")
def live(module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    with live_system(module_database, valkey.url, tmp_path_factory.mktemp("live")) as system:
        yield system


@pytest.fixture
def org(module_database: Database) -> int:
    return found(module_database)


@pytest.fixture
def people(module_database: Database, org: int) -> dict[str, int]:
    numbers = {"admin": org * 100 + 1, "seven": org * 100 + 7, "eight": org * 100 + 8}
    enroll(module_database, org, numbers["admin"], "admin")
    enroll(module_database, org, numbers["seven"])
    enroll(module_database, org, numbers["eight"])
    return numbers


@pytest.fixture
def admin(org: int, people: dict[str, int]) -> dict[str, str]:
    return bearer(people["admin"], "admin", org)


def test_a_point_is_shown_when_it_is_stored_in_json_and_in_xml(live, org, people, admin):
    with live.watching(admin) as json_stream, live.watching(admin, "?format=xml") as xml_stream:
        headers = {name.lower(): value for name, value in json_stream.response.getheaders()}
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in headers
        live.write(org, admin, beat(1, people["seven"]))
        event = json_stream.next()
        assert event.name == "points"
        assert event.document == {
            "bucket": f"org_{org}",
            "points": [
                {
                    "measurement": "heart_rate",
                    "tags": {"user_id": str(people["seven"])},
                    "fields": {"bpm": 61.0},
                    "time": f"{FROM}01Z",
                }
            ],
        }
        root = etree.fromstring(xml_stream.next().data.encode())
        assert (root.tag, root.findtext("points/point/time")) == ("StreamPoints", f"{FROM}01Z")


def test_who_sees_what(live, org, people, admin, module_database):
    other = found(module_database)
    enroll(module_database, other, other * 100 + 1, "admin")
    seven = bearer(people["seven"], "user", org)
    watching = {
        "all": live.watching(admin),
        "own": live.watching(seven),
        "asked": live.watching(admin, f"?user_id={people['eight']}"),
        "steps": live.watching(admin, "?measurement=steps"),
        "other": live.watching(bearer(other * 100 + 1, "admin", other)),
    }
    live.write(org, admin, beat(1, people["seven"]), beat(2, people["eight"]), beat(3, people["eight"], "steps"))
    live.write(other, bearer(other * 100 + 1, "admin", other), beat(59, other * 100 + 1))
    for n in (1, 2):
        live.write(org, admin, beat(10 + n, people["seven"], "steps"), beat(20 + n, people["eight"], "steps"))

    def shown(name):
        times = {point["time"][-3:-1] for point in watching[name].next().document["points"]}
        watching[name].close()
        return times

    assert shown("all") == {"01", "02", "03"}
    assert shown("own") == {"01"}
    assert shown("asked") == {"02", "03"}
    assert shown("steps") == {"03"}
    assert shown("other") == {"59"}
    refused = live.watch(seven, f"?user_id={people['eight']}").answer
    assert (refused.status, refused.code) == (403, "GEN_403")


def test_a_stream_resumes_where_it_was_and_says_so_where_it_cannot(live, org, people, admin, valkey):
    with live.watching(admin) as first:
        live.write(org, admin, beat(1, people["seven"]))
        event = first.next()
    live.write(org, admin, beat(2, people["seven"]))
    live.write(org, admin, beat(3, people["seven"]))
    with live.watching(admin, **{"Last-Event-ID": event.id}) as again:
        assert [again.next().document["points"][0]["time"][-3:-1] for _ in range(2)] == ["02", "03"]
        newest = again.last_id
    for query, given in (("", event.id[:-4] + "AAAA"), ("?measurement=heart_rate", event.id), ("", "0-0")):
        with live.watching(admin, query, **{"Last-Event-ID": given}) as stranger:
            reset = stranger.next()
            assert (reset.name, reset.document) == ("reset", {"reason": "not_resumable"}), query
    with live.watching(admin, f"?last_event_id={newest}") as quiet:
        live.write(org, admin, beat(4, people["seven"]))
        assert quiet.next().document["points"][0]["time"][-3:-1] == "04"
    with valkey.client() as client:  # as after ten minutes
        client.xtrim(stream_key(org), maxlen=0)
    with live.watching(admin, **{"Last-Event-ID": event.id}) as late:
        assert late.next().name == "reset"


def test_an_event_that_cannot_be_read_is_said_to_be_missing(live, org, people, admin, valkey):
    with live.watching(admin) as watching, valkey.client() as client:
        live.write(org, admin, beat(1, people["seven"]))
        before = watching.next()
        number = client.incr(counter_key(org))
        client.xadd(stream_key(org), {"n": number, "t": "points", "d": "of another version"})
        assert watching.next().document == {"reason": "lost"}
        live.write(org, admin, beat(2, people["seven"]))
        assert watching.next().document["points"][0]["time"][-3:-1] == "02"
    with live.watching(admin, **{"Last-Event-ID": before.id}) as again:
        assert again.next().document == {"reason": "not_resumable"}


def test_deleted_points_are_not_replayed(live, org, people, admin):
    with live.watching(admin) as watching:
        live.write(org, admin, beat(1, people["seven"]))
        event = watching.next()
        body = (
            f'{{"bucket": "org_{org}", "measurement": "heart_rate", "range_start": "2024-01-01T00:00:00Z",'
            ' "range_stop": "2025-01-01T00:00:00Z"}'
        )
        headers = admin | {"Content-Type": "application/json"}
        assert live.gateway.ask("POST", "/timeseries/delete", headers, body).status == 204
        assert watching.next().document == {"reason": "removed"}
    with live.watching(admin, **{"Last-Event-ID": event.id}) as again:
        assert again.next().name == "reset"


def test_a_ticket_opens_one_stream(live, org, people, admin):
    answer = live.gateway.ask("POST", "/stream/tickets", admin)
    assert (answer.status, answer.json["expires_in"]) == (201, 30)
    ticket = answer.json["ticket"]
    with live.watching({}, f"?ticket={ticket}") as watching:
        live.write(org, admin, beat(1, people["seven"]))
        assert watching.next().name == "points"
    for query in (f"?ticket={ticket}", "?ticket=abc", ""):
        assert live.watch({}, query).answer.status == 401


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?topics=weather", 422),
        ("?topics=", 422),
        ("?user_id=x", 422),
        ("?format=csv", 422),
        ("?what=1", 422),
        ("?measurement=" + "a" * 200, 422),
        ("?last_event_id=%0a", 422),
        ("?topics=points&topics=jobs", 422),
    ],
)
def test_what_is_no_query_is_refused(live, admin, query, status):
    assert live.watch(admin, query).answer.status == status


def test_other_refusals(live, admin):
    assert live.watch(admin, Accept="application/json").answer.status == 406
    head = live.gateway.ask("HEAD", "/stream", admin | {"Accept": "text/event-stream"})
    assert (head.status, head.body) == (200, b"")
    assert live.gateway.ask("POST", "/stream", admin).status == 405
    versioned = live.gateway.ask("HEAD", "/api/v1/stream", admin | {"Accept": "*/*"})
    assert versioned.status == 200


def test_a_revoked_token_ends_its_stream_within_five_seconds(live, org, people, valkey):
    headers = bearer(people["admin"], "admin", org, sid="11111111-1111-4111-8111-111111111111")
    with live.watching(headers) as watching:
        began = time.monotonic()
        with valkey.client() as client:
            client.set("hg:rev:sid:11111111-1111-4111-8111-111111111111", "1", ex=60)
        assert (event := watching.next()).name == "bye"
        assert event.document == {"reason": "revoked"}
        assert time.monotonic() - began < 20  # 5 s on a quiet machine
        assert list(watching.events()) == []


def test_a_stream_ends_with_its_token(live, org, people):
    with live.watching(bearer(people["admin"], "admin", org, exp=int(time.time()) + 2)) as watching:
        assert watching.next().document == {"reason": "expired"}


def test_a_limit_gives_a_clear_refusal(live, admin):
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(live.watching(admin))
        refused = live.watch(admin).answer
        assert (refused.status, refused.code) == (429, "GEN_429_LIMIT")
        assert "streams_per_member" in refused.json["error"]["message"]
        assert int(refused.headers["retry-after"]) > 0
    with live.watching(admin):
        pass


def test_a_slow_reader_is_cut_off_and_the_others_go_on(live, org, people, admin):
    with socket.socket() as slow, live.watching(admin) as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", live.gateway.port))
        head = "GET /stream HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: "
        slow.sendall(f"{head}{admin['Authorization']}\r\n\r\n".encode())
        assert slow.recv(12) == b"HTTP/1.1 200"
        before = counted(live, "ended_slow")
        seen = 0
        for batch in range(10):
            points = [
                beat(1, people["seven"]) | {"timestamp": f"2024-05-{batch + 1:02}T{n // 60:02}:{n % 60:02}:00Z"}
                for n in range(1200)
            ]
            live.write(org, admin, *points)
            while seen < (batch + 1) * len(points):
                seen += len(quick.next().document["points"])
        until(lambda: counted(live, "ended_slow") > before, "the slow reader's end", 60)


def counted(live, what):
    line = next(it for it in live.metrics().splitlines() if f'what="{what}"' in it and "_total" in it)
    return float(line.rpartition(" ")[2])


def test_a_quiet_stream_has_heartbeats(live, admin):
    with live.watching(admin) as watching:
        assert next(watching.blocks()) == [":"]


def test_a_stream_that_has_ended_leaves_no_file_open(live, admin):
    process = psutil.Process(live.process.pid)

    def open_and_close(number):
        for _ in range(number):
            live.watching(admin).close()
        until(lambda: not live.metric("heartguard_streams_open"), "no open stream", 20)

    open_and_close(2)  # what is loaded once
    before = process.num_fds()
    open_and_close(12)
    until(lambda: process.num_fds() <= before + 3, "no more open files than before", 20)


def test_the_process_restarts_and_streams_resume(live, org, people, admin):
    with live.watching(admin) as watching:
        live.write(org, admin, beat(1, people["seven"]))
        event = watching.next()
        assert live.stop() == 0
        assert watching.next().document == {"reason": "shutdown"}
    live.write(org, admin, beat(2, people["seven"]))
    live.start()
    with live.watching(admin, **{"Last-Event-ID": event.id}) as again:
        assert again.next().document["points"][0]["time"][-3:-1] == "02"


def test_metrics(live, admin):
    with live.watching(admin):
        until(lambda: live.metric("heartguard_streams_open") > 0, "an open stream")
    until(lambda: live.metric("heartguard_streams_open") == 0, "no open stream", 20)
    assert 'heartguard_stream_events_total{what="ended_gone"}' in live.metrics()
