"""One access event per audited request, safe before the answer leaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Valkey, until
from tests.service.gateway.stack import Backend, GunicornProcess, Handler, environ
from tests.tokens import bearer, mark_ready, operator_auth

ME = bearer(12, "admin", 3)


@pytest.fixture
def stack(backend: Backend, valkey_server: Valkey, tmp_path: Path) -> Iterator[GunicornProcess]:
    mark_ready(valkey_server.url)
    settings = environ(valkey_server.url, backend.url, tmp_path / "spool")
    with GunicornProcess(settings, tmp_path / "log").running() as running:
        yield running


def events(valkey: Valkey) -> list[dict[str, Any]]:
    with valkey.client() as client:
        return [json.loads(fields[b"event"]) for _, fields in client.xrange("hg:audit:events")]


def test_an_access_event_says_caller_action_and_outcome(stack: GunicornProcess, valkey_server: Valkey) -> None:
    answer = stack.ask("GET", "/users/13", {**ME, "X-Request-ID": "visit-7"})
    assert answer.status == 200
    (event,) = events(valkey_server)
    assert event["id"] == event["gateway_request_id"] == answer.headers["x-gateway-request-id"]
    assert event["time"].endswith("Z")
    expected = {
        "kind": "access",
        "request_id": "visit-7",
        "org_id": 3,
        "actor": "user:12",
        "action": "user.read",
        "service": "gateway",
        "resource": "user:13",
        "outcome": "success",
        "reason": None,
        "payload": {"method": "GET", "status": 200},
    }
    assert {name: event[name] for name in expected} == expected


def test_a_name_in_the_path_is_no_place_for_a_person(stack: GunicornProcess, valkey_server: Valkey) -> None:
    for name in ("org_3_lab", "ann@clinic.example", "ann%40clinic.example", "Secret123"):
        stack.ask("DELETE", f"/timeseries/buckets/{name}", ME)
    assert [event["resource"] for event in events(valkey_server)] == ["bucket:org_3_lab", *["bucket:*"] * 3]
    assert [line["path"] for line in stack.lines() if line.get("route") == "timeseries.delete_bucket"] == [
        "/timeseries/buckets/org_3_lab", *["/timeseries/buckets/*"] * 3
    ]  # fmt: skip


def test_refusals_and_failures_are_events_too(stack: GunicornProcess, backend: Backend, valkey_server: Valkey) -> None:
    stack.ask("GET", "/users/me")
    stack.ask("DELETE", "/organization", bearer(13, "user", 3))
    stack.ask("POST", "/media/erasures", operator_auth())
    with backend.behaving(lambda handler: handler.reply(500, b"{}")):
        stack.ask("GET", "/users/me", ME)
    # Redis may have been silent for a moment: then events wait in the spool, in their order.
    until(lambda: len(events(valkey_server)) == 4, "the events of all four")
    seen = [(found["actor"], found["action"], found["outcome"], found["reason"]) for found in events(valkey_server)]
    assert seen == [
        ("anonymous", "user.read_self", "denied", "GEN_401"),
        ("user:13", "organization.delete", "denied", "GEN_403"),
        ("operator", "media.erase", "denied", "GEN_403"),
        ("user:12", "user.read_self", "failure", None),
    ]


def test_health_checks_and_anonymous_requests_are_not_events(stack: GunicornProcess, valkey_server: Valkey) -> None:
    for method, path in (
        ("GET", "/gateway/health"),
        ("GET", "/users/health"),
        ("GET", "/users/ready"),
        ("GET", "/gateway/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/schemas/user.xsd"),
        ("GET", "/.well-known/jwks.json"),
        ("OPTIONS", "/users/me"),
        ("GET", "/nowhere"),
        ("POST", "/users/me"),
    ):
        stack.ask(method, path)
    assert events(valkey_server) == []


def test_the_event_is_there_when_the_answer_is(stack: GunicornProcess, valkey_server: Valkey) -> None:
    for number in range(1, 21):
        stack.ask("POST", "/auth/refresh", {}, b"{}")
        assert len(events(valkey_server)) == number


def waiting(spool: Path) -> list[str]:
    """The ids of the events on the disk, the oldest first."""
    files = [spool / "gateway.draining", spool / "gateway.events"]
    lines = [line for file in files if file.exists() for line in file.read_bytes().splitlines()]
    return [json.loads(line)["id"] for line in lines]


def test_without_redis_events_wait_on_the_disk_and_are_sent_later(
    stack: GunicornProcess, backend: Backend, valkey_server: Valkey, tmp_path: Path
) -> None:
    def active(handler: Handler) -> None:
        handler.read_body()
        handler.reply(200, b'{"active": true}')

    valkey_server.kill()
    with backend.behaving(active):
        ids = [stack.ask("GET", "/users/me", ME).headers["x-gateway-request-id"] for _ in range(10)]
    # Whoever tries to send them takes the file away, and leaves it there while Redis is not back.
    until(lambda: waiting(tmp_path / "spool") == ids, "all events on the disk, in their order")
    valkey_server.start()
    until(lambda: len(events(valkey_server)) >= 10, "draining the spool")
    assert {event["id"] for event in events(valkey_server)} == set(ids)


def test_a_frozen_redis_loses_no_event(stack: GunicornProcess, valkey_server: Valkey) -> None:
    valkey_server.freeze()
    ids = {stack.ask("POST", "/auth/refresh", {}, b"{}").headers["x-gateway-request-id"] for _ in range(5)}
    valkey_server.thaw()
    until(lambda: ids <= {event["id"] for event in events(valkey_server)}, "draining the spool")


def test_an_event_that_can_be_kept_nowhere_stops_the_answer(
    backend: Backend, valkey_server: Valkey, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("a file where the directory should be")
    settings = environ(valkey_server.url, backend.url, tmp_path / "spool")
    with GunicornProcess(settings, tmp_path / "log", workers=1).running() as stack:
        valkey_server.kill()
        answer = stack.ask("POST", "/auth/refresh", {"Accept": "application/xml"}, b"{}")
    assert answer.status == 503
    assert b"<code>GW_013</code>" in answer.body
    assert len(answer.headers["x-gateway-request-id"]) == 36


def test_an_event_contains_no_personal_data(stack: GunicornProcess, valkey_server: Valkey) -> None:
    stack.ask("PUT", "/media/upload?file_name=jane.doe@example.com.png", {**ME, "User-Agent": "Jane's phone"}, b"x")
    with valkey_server.client() as client:
        raw = str(client.xrange("hg:audit:events"))
    assert "jane" not in raw.lower()
    assert "127.0.0.1" not in raw


def test_a_flood_of_refusals_is_counted_and_every_one_is_in_the_sum(
    backend: Backend, valkey_server: Valkey, tmp_path: Path
) -> None:
    """4,409 refused requests of one address were 4,409 rows for ever."""
    mark_ready(valkey_server.url)
    settings = environ(valkey_server.url, backend.url, tmp_path / "spool", RATE_LIMIT="10/h")
    with GunicornProcess(settings, tmp_path / "log").running() as stack:
        statuses = [stack.ask("GET", "/users/me", ME).status for _ in range(60)]
        statuses += [stack.ask("GET", f"/users/{number}").status for number in range(1, 41)]
    # Stopped, both processes have written what they had counted; what a slow Redis did not take waits on the disk.
    spool = tmp_path / "spool" / "gateway.events"
    waiting = [json.loads(line) for line in spool.read_bytes().splitlines()] if spool.exists() else []
    kept = {event["id"]: event for event in (*events(valkey_server), *waiting)}.values()
    refused = [event for event in kept if event["outcome"] != "success"]
    assert sum(event["payload"].get("count", 1) for event in refused) == sum(status >= 400 for status in statuses)
    assert len(refused) <= 2 * 2 * 2  # a single one and a sum, of two callers, in each of two processes
    assert len([event for event in kept if event["outcome"] == "success"]) == statuses.count(200) == 10
