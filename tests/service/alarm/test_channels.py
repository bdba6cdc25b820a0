"""Channels and notification policies: what may be made, changed and deleted, and by whom."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.people import found, join, owner
from tests.running_services import running_services
from tests.servers import Database, until
from tests.tokens import bearer, service_secret

from .conftest import Auth
from .notified import Notified

NOBODY = "0198c0de-0000-7000-8000-000000000000"
DISCORD = {"name": "Chat", "kind": "apprise", "url": "discord://validation/validation"}


def make(client: FlaskClient, auth: Auth, path: str, document: Any, status: int = 201) -> Any:
    answer = client.post(f"/alarms/{path}", json=document, headers=auth["admin"])
    assert answer.status_code == status, answer.data
    return answer.get_json()


def refused(answer: Any) -> list[str]:
    assert (answer["error"]["code"]) == "ALARM_014"
    return [it["path"] for it in answer["error"]["details"]]


def test_a_url_is_stored_encrypted_and_never_shown(client: FlaskClient, auth: Auth, database: Database) -> None:
    channel = make(client, auth, "channels", {**DISCORD, "url": "discord://secretname/secretword"})
    assert (channel["service"], channel["shown"], channel["verified"]) == ("discord", "discord://...", True)
    path = f"/alarms/channels/{channel['id']}"
    changed = client.patch(path, json={"name": "Night"}, headers=auth["admin"])
    read, listed = (client.get(it, headers=auth["manager"]) for it in (path, "/alarms/channels"))
    assert read.get_json()["name"] == "Night"
    with owner(database) as cursor:
        cursor.execute("SELECT c::text FROM heartguard_core.alarm_channels AS c")
        rows = cursor.fetchall()
        cursor.execute("SELECT event FROM heartguard_core.audit_outbox")
        rows += cursor.fetchall()
    texts = [str(rows), *(it.get_data(as_text=True) for it in (changed, read, listed))]
    assert not any(word in text for text in texts for word in ("secretname", "secretword"))


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"kind": "email"}, ""),
        ({"user_id": 1}, ""),
        ({"kind": "email", "url": None, "user_id": 999_999}, "/user_id"),
        ({"kind": "email", "url": None}, ""),
        ({"url": "json://127.0.0.1:6379/"}, "/url"),
    ],
)
def test_a_channel_without_one_good_target_is_refused(
    client: FlaskClient, auth: Auth, more: dict[str, Any], path: str
) -> None:
    document = {name: it for name, it in {**DISCORD, **more}.items() if it is not None}
    answer = make(client, auth, "channels", document, 422)
    assert refused(answer) == [path]
    assert "127.0.0.1" not in str(answer)


def test_a_stranger_is_no_recipient(client: FlaskClient, auth: Auth, database: Database) -> None:
    stranger = join(database, found(database), "user")
    answer = make(client, auth, "channels", {"name": "Spy", "kind": "email", "user_id": stranger}, 422)
    assert refused(answer) == ["/user_id"]


def test_policies_name_channels_and_rules_name_policies(client: FlaskClient, auth: Auth, database: Database) -> None:
    channel = make(client, auth, "channels", DISCORD)["id"]
    steps = [{"after_seconds": 0, "channels": [channel]}]
    first = make(client, auth, "policies", {"name": "One", "steps": steps, "default": True})
    second = make(client, auth, "policies", {"name": "Two", "steps": steps, "default": True})
    listed = client.get("/alarms/policies", headers=auth["manager"]).get_json()["items"]
    assert [(it["name"], it["default"]) for it in listed] == [("One", False), ("Two", True)]
    lost = [{"after_seconds": 60, "channels": [channel, NOBODY]}]
    assert refused(make(client, auth, "policies", {"name": "x", "steps": lost}, 422)) == ["/steps/0/channels/1"]
    path = f"/alarms/policies/{first['id']}"
    seen = client.get(path, headers=auth["admin"]).headers["ETag"]
    wrong = client.patch(path, json={"repeat_seconds": 10}, headers=auth["admin"]).get_json()
    assert refused(wrong) == ["/repeat_seconds"]
    quiet = {"zone": "UTC", "ranges": [{"days": ["mon"], "start": "22:00", "stop": "07:00"}]}
    for _ in range(2):
        changed = client.patch(path, json={"quiet_hours": quiet}, headers=auth["admin"] | {"If-Match": seen})
        seen = changed.headers.get("ETag", seen)
        assert changed.get_json()["quiet_hours"] == quiet
    rule = {"name": "High", "measurement": "heart_rate", "field": "bpm", "condition": "above", "threshold": 120}
    answer = client.post("/alarms/rules", json={**rule, "policy_id": NOBODY}, headers=auth["admin"])
    assert [it["path"] for it in answer.get_json()["error"]["details"]] == ["/policy_id"]
    made = make(client, auth, "rules", {**rule, "policy_id": first["id"]})
    assert made["policy_id"] == first["id"]
    assert client.delete(path, headers=auth["admin"]).get_json()["error"]["code"] == "ALARM_013"
    ruled = f"/alarms/rules/{made['id']}"
    assert "policy_id" not in client.patch(ruled, json={"policy_id": None}, headers=auth["admin"]).get_json()
    assert client.delete(path, headers=auth["admin"]).status_code == 204
    assert (
        client.delete(f"/alarms/channels/{channel}", headers=auth["admin"]).get_json()["error"]["code"] == "ALARM_013"
    )
    stranger = bearer(join(database, other := found(database), "admin"), "admin", other)
    foreign = (f"channels/{channel}", f"policies/{second['id']}")
    assert [client.get(f"/alarms/{it}", headers=stranger).status_code for it in foreign] == [404, 404]
    assert client.delete(f"/alarms/policies/{second['id']}", headers=auth["admin"]).status_code == 204
    assert client.delete(f"/alarms/channels/{channel}", headers=auth["admin"]).status_code == 204


class Listener:
    """An HTTP server that keeps what is posted to it, and answers `status`."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 200
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.paths.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.bodies.append(json.loads(body) if body.startswith(b"{") else {"text": body.decode()})
                self.send_response(listener.status)
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815  the library's name

            def log_message(self, *_: Any) -> None:
                """A test's output is the test's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def listening(self) -> Iterator["Listener"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().listening() as found_one:
        yield found_one


@pytest.fixture
def notified(database: Database, redis_url: str, listener: Listener) -> Iterator[Notified]:
    with running_services(
        database, redis_url, "influx", "alarm", ALARM_HOSTS=f"ntfy.example,{listener.place}"
    ) as stack:
        yield Notified(stack, database)


def apprise(notified: Notified, listener: Listener, schema: str, path: str = "alarms") -> str:
    asked = {"name": f"My {schema}", "kind": "apprise", "url": f"{schema}://{listener.place}/{path}", "language": "es"}
    return str(notified.ask("POST", "/channels", asked, 201)["id"])


@pytest.mark.parametrize("schema", ["json", "form", "xml", "ntfy", "gotify"])
def test_a_service_gets_a_message(notified: Notified, listener: Listener, schema: str) -> None:
    channel = apprise(notified, listener, schema, "Aabcdefghijklmn" if schema == "gotify" else "alarms")
    assert notified.ask("POST", f"/channels/{channel}/test") == {"status": "sent"}
    assert "prueba" in str(listener.bodies[0])
    notified.policy((0, [channel]))
    alarm = notified.raise_alarm()
    until(lambda: len(listener.bodies) == 2, "the message")
    assert alarm in str(listener.bodies[1])
    until(lambda: notified.statuses(alarm) == ["sent"], "the state of the message")


def test_a_service_that_fails_is_tried_again_then_told_of(notified: Notified, listener: Listener) -> None:
    failing, other = apprise(notified, listener, "json", "failing"), apprise(notified, listener, "form", "other")
    notified.policy((0, [failing]), (7200, [other]))
    listener.status = 500
    failed = notified.ask("POST", f"/channels/{failing}/test")
    assert failed == {"status": "failed", "error": "the service did not take the message"}
    alarm = notified.raise_alarm()
    until(lambda: [it["attempts"] for it in notified.notifications(alarm)] == [1], "the first attempt")
    assert notified.statuses(alarm) == ["waiting"]
    with owner(notified.database) as cursor:  # as if it had waited for six minutes
        cursor.execute(
            "UPDATE heartguard_core.alarm_messages SET due_at = now(), created_at = now() - interval '360 s'"
        )
    until(lambda: "/other" in listener.paths, "the report by the other channel")
    assert notified.statuses(alarm) == ["waiting"]
    listener.status = 200
    with owner(notified.database) as cursor:
        cursor.execute("UPDATE heartguard_core.alarm_messages SET due_at = now()")
    until(lambda: notified.statuses(alarm) == ["sent"], "the message")
    # The report was refused too, and goes with the message or after it.
    until(
        lambda: notified.rows("SELECT count(*) FROM $dead_letters WHERE service = 'alarm'") == [(0,)],
        "no failure is left",
    )


def test_a_redirect_is_not_followed(notified: Notified, listener: Listener) -> None:
    channel = apprise(notified, listener, "json")
    listener.status = 302
    assert notified.ask("POST", f"/channels/{channel}/test")["status"] == "failed"
    assert "/elsewhere" not in listener.paths


def test_a_host_that_is_taken_off_the_list_gets_nothing_more(notified: Notified, listener: Listener) -> None:
    channel = apprise(notified, listener, "json")
    notified.stack.environ["ALARM_HOSTS"] = ""
    notified.stack.start("alarm")
    answer = notified.ask("POST", f"/channels/{channel}/test")
    assert answer == {"status": "failed", "error": "names a host that is not in ALARM_HOSTS"}
    assert listener.bodies == []


def test_another_secret_opens_no_channel(notified: Notified, listener: Listener) -> None:
    channel = apprise(notified, listener, "json")
    notified.stack.start("alarm", ALARM_CHANNEL_SECRET=service_secret("other channels"))
    answer = notified.ask("POST", f"/channels/{channel}/test")
    assert (answer["status"], "ALARM_CHANNEL_SECRET" in answer["error"]) == ("failed", True)
