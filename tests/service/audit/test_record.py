"""POST /audit/events, for services and admins, in both formats."""

import hashlib
import hmac

import psycopg2
import pytest
from lxml import etree

from heartguard_audit.settings import Settings
from heartguard_audit.wiring import create_app
from heartguard_cli.urls import libpq
from heartguard_common.core.lifecycle import LIFECYCLE
from tests import people
from tests.servers import until
from tests.tokens import bearer, operator_auth, service_auth, service_secret

EXAMPLE = {"actor": "user@hg.io", "action": "LOGIN", "service": "auth"}
EXAMPLE_XML = """<AuditEventRequest>
  <actor>user@hg.io</actor><action>LOGIN</action><service>auth</service>
</AuditEventRequest>"""
ADMIN = bearer(12, "admin", org_id=1)
AUTH = service_auth("auth")
XML = {"Content-Type": "application/xml", "Accept": "application/xml"}


@pytest.fixture
def admin(database):
    """The headers of an admin who is a member, as reported events require."""
    org_id = people.found(database)
    people.enroll(database, org_id, 12, "admin")
    return bearer(12, "admin", org_id=org_id)


def test_the_plans_example_is_recorded_for_a_service(client, settle):
    answer = client.post("/audit/events", json=EXAMPLE, headers=AUTH)
    assert answer.status_code == 201
    assert answer.json["status"] == "recorded"
    assert list(answer.json)[:2] == ["id", "status"]
    assert answer.headers["Location"] == f"/audit/events/{answer.json['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    settle()
    found = client.get(answer.headers["Location"], headers=operator_auth()).json
    assert found == {**answer.json, "sequence": 1}
    assert (found["service"], found["action"], found["kind"], found["org_id"]) == ("auth", "LOGIN", "change", None)
    assert (found["actor"], found["outcome"], found["payload"]) == ("u***@hg.io", "success", {})


def test_the_plans_example_is_recorded_in_xml(client, settle):
    answer = client.post("/audit/events", data=EXAMPLE_XML, headers={**AUTH, **XML})
    assert answer.status_code == 201
    root = etree.fromstring(answer.data)
    assert root.tag == "AuditEvent"
    assert root.findtext("status") == "recorded"
    settle()
    found = client.get(f"/audit/events/{root.findtext('id')}", headers={**operator_auth(), "Accept": "text/xml"})
    assert etree.fromstring(found.data).findtext("actor") == "u***@hg.io"


def test_an_admin_is_the_actor_and_the_organization_is_theirs(client, settle, admin):
    answer = client.post(
        "/audit/events", json={**EXAMPLE, "resource": "report:7"}, headers={**admin, "X-Request-ID": "my-request"}
    )
    assert answer.status_code == 201
    event = answer.json
    assert (event["actor"], event["org_id"], event["service"], event["resource"]) == ("user:12", 1, "auth", "report:7")
    assert event["kind"] == "reported"
    assert event["request_id"] == "my-request"
    settle()
    assert client.get(f"/audit/events/{event['id']}", headers=admin).json["sequence"] == 1


def test_a_person_cannot_record_a_change_or_a_disclosure(client, settle, admin):
    forged = {**EXAMPLE, "action": "media.download.disclosed", "resource": "user:13"}
    refused = client.post("/audit/events", json=forged, headers=admin)
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["error"]["details"]] == ["/action"]
    client.post("/audit/events", json={**EXAMPLE, "action": "user.deleted"}, headers=admin)
    settle()
    assert client.get("/audit/events?kind=change", headers=admin).json["items"] == []
    assert [item["action"] for item in client.get("/audit/events?kind=reported", headers=admin).json["items"]] == [
        "user.deleted"
    ]


def test_a_service_can_record_only_as_itself(client):
    answer = client.post("/audit/events", json={**EXAMPLE, "service": "media"}, headers=AUTH)
    assert answer.json["service"] == "auth"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (service_auth("gateway"), 403),
        (bearer(1, "manager", org_id=1), 403),
        (bearer(1, "user", org_id=1), 403),
        (operator_auth(), 403),
    ],
)
def test_other_callers_cannot_record_events(client, headers, status):
    assert client.post("/audit/events", json=EXAMPLE, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ({}, {"/actor", "/action", "/service"}),
        ({**EXAMPLE, "org_id": 2}, {"/org_id"}),
        ({**EXAMPLE, "time": "2020-01-01T00:00:00Z"}, {"/time"}),
        ({**EXAMPLE, "payload": {"deep": {"er": 1}}}, {"/payload/deep"}),
    ],
)
def test_a_body_against_the_contract_is_refused_with_pointers(client, document, paths):
    answer = client.post("/audit/events", json=document, headers=ADMIN)
    assert answer.status_code == 422
    assert {fault["path"] for fault in answer.json["error"]["details"]} == paths


def test_no_email_address_enters_the_trail(client, settle, database, journal):
    said = {
        "actor": "user:Anna.Lopez@Clinic.example",
        "action": "mail to anna.lopez@clinic.example",
        "service": "auth",
        "resource": "203.0.113.77",
        "payload": {"to": "a <anna.lopez@clinic.example>", "from": "2001:db8:1:2::3", "anna.lopez@clinic.example": 1},
    }
    event = client.post("/audit/events", json=said, headers=AUTH).json
    assert event["actor"] == "user:A***@Clinic.example"
    assert event["action"] == "mail to a***@clinic.example"
    assert event["resource"] == "203.0.113.0/24"
    assert event["payload"] == {"to": "a <a***@clinic.example>", "from": "2001:db8:1::/48", "a***@clinic.example": 1}
    settle()
    connection = psycopg2.connect(libpq(database.superuser_url))
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(e)::text, actor_hash FROM heartguard_core.audit_events e")
        text, digest = cursor.fetchone()
    connection.close()
    assert "lopez" not in text.lower()
    key = service_secret("audit mask").encode()
    assert digest == hmac.new(key, b"anna.lopez@clinic.example", hashlib.sha256).hexdigest()


def test_a_repeated_key_gives_the_same_answer_and_one_event(client, settle, admin):
    headers = {**admin, "Idempotency-Key": "once"}
    first = client.post("/audit/events", json=EXAMPLE, headers=headers)
    again = client.post("/audit/events", json=EXAMPLE, headers=headers)
    other = client.post("/audit/events", json={**EXAMPLE, "action": "LOGOUT"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    settle()
    assert len(client.get("/audit/events", headers=admin).json["items"]) == 1


def test_without_redis_events_wait_in_the_spool_and_come_in_their_order(client, environ, settle):
    """A service's own call needs no revocation list, so it is answered while Redis is unavailable."""
    nowhere = create_app(Settings.from_env({**environ, "REDIS_URL": "redis://127.0.0.1:1/0"}))
    sent = [
        nowhere.test_client().post("/audit/events", json={**EXAMPLE, "action": f"step.{step}"}, headers=AUTH)
        for step in range(5)
    ]
    nowhere.extensions[LIFECYCLE].close()
    assert [answer.status_code for answer in sent] == [201] * 5
    last = client.post("/audit/events", json={**EXAMPLE, "action": "step.5"}, headers=AUTH)
    items = []

    def arrived():
        settle()
        items[:] = client.get("/audit/events", headers=operator_auth()).json["items"]
        return len(items) == 6

    until(arrived, "the events of the spool")
    assert [item["action"] for item in reversed(items)] == [f"step.{step}" for step in range(6)]
    assert [item["id"] for item in reversed(items)] == [answer.json["id"] for answer in (*sent, last)]


def test_an_event_that_cannot_be_stored_is_not_acknowledged(environ, tmp_path):
    (tmp_path / "file").write_text("no directory")
    settings = {**environ, "REDIS_URL": "redis://127.0.0.1:1/0", "SPOOL_DIR": str(tmp_path / "file")}
    app = create_app(Settings.from_env(settings))
    answer = app.test_client().post("/audit/events", json=EXAMPLE, headers=AUTH)
    app.extensions[LIFECYCLE].close()
    assert answer.status_code == 503
