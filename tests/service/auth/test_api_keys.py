"""API keys at auth: made, shown once, changed, rotated, ended; and what a change of their owner means for them."""

import hashlib
import json

import pytest
from lxml import etree

from heartguard_common.core.clock import rfc3339
from tests.mail import mailbox
from tests.people import owner
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import operator_auth, service_auth

DAY = 86_400
XML = {"Accept": "application/xml", "Content-Type": "application/xml"}


@pytest.fixture
def manager(client, founder):
    return joined(client, founder, "manager@hg.io", "manager")


def joined(client, by, email, role):
    body = {"email": email, "password": "Secret123", "role": role}
    made = client.post("/auth/register", json=body, headers=with_token(by))
    assert made.status_code == 201, made.data
    return {**made.json, **log_in(client, email).json}


def make(client, who, kind="device", **more):
    return client.post("/auth/api-keys", json={"kind": kind, "name": "watch", **more}, headers=with_token(who))


def ask(client, method, who, path="", body=None):
    return client.open(f"/auth/api-keys{path}", method=method, json=body, headers=with_token(who))


def stands_for(client, secret):
    return client.post("/auth/token/introspect", json={"token": secret}, headers=service_auth("media")).json


def pointers(answer):
    assert answer.status_code == 422, answer.data
    return [it["path"] for it in answer.json["error"]["details"]]


def remove(client, person):
    body = {"org_id": person["org_id"], "user_id": person["user_id"]}
    assert client.post("/auth/erasures", json=body, headers=service_auth("user")).status_code == 200


def test_a_key_is_shown_once_and_stored_as_a_digest(client, founder, database, events):
    made = make(client, founder)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    secret = made.json["key"]
    assert secret.startswith(made.json["hint"])
    path = f"/{made.json['id']}"
    for shown in (ask(client, "GET", founder, path).json, ask(client, "GET", founder).json["items"][0]):
        assert shown == {name: value for name, value in made.json.items() if name != "key"}
    with owner(database) as cursor:
        cursor.execute("SELECT api_keys::text, secret_hash FROM heartguard_core.api_keys")
        row, digest = cursor.fetchone()
    assert secret[15:] not in row
    assert bytes(digest) == hashlib.sha256(secret.encode()).digest()
    assert secret[15:] not in str(events())
    assert {event["action"]: event["resource"] for event in events()}["auth.create_api_key"] == f"api_key:{path[1:]}"


def test_the_same_in_xml(client, founder):
    body = "<ApiKeyRequest><kind>integration</kind><name>ward</name><scopes><scope>points_read</scope></scopes>"
    made = client.post("/auth/api-keys", data=body + "</ApiKeyRequest>", headers=with_token(founder) | XML)
    document = etree.fromstring(made.data)
    assert (made.status_code, document.tag, document.findtext("scopes/scope")) == (201, "ApiKey", "points_read")
    introspected = stands_for(client, document.findtext("key"))
    assert introspected["api_key"]["scopes"] == ["points_read"]
    asked = f"<IntrospectRequest><token>{document.findtext('key')}</token></IntrospectRequest>"
    in_xml = client.post("/auth/token/introspect", data=asked, headers=service_auth("media") | XML)
    assert etree.fromstring(in_xml.data).findtext("api_key/kind") == "integration"


def test_what_can_not_be_asked_for(client, founder, manager, clock):
    member = joined(client, founder, "member@hg.io", "user")
    assert make(client, member, "integration", scopes=["points_read"]).json["error"]["code"] == "AUTH_050"
    assert make(client, member, scopes=["points_read"]).json["error"]["code"] == "AUTH_051"
    assert pointers(make(client, founder, "integration")) == ["/scopes"]
    wrong = {
        "scopes": ["points_read", "auth.create_api_key", "nothing"],
        "buckets": ["org_1", "org_2"],
        "networks": ["10.0.0.1/8", "1.2.3.4/33", "192.0.2.0/24"],
        "expires_at": rfc3339(clock.now_ns() - 1),
    }
    assert pointers(make(client, founder, "integration", **wrong)) == [
        *("/scopes/1", "/scopes/2", "/buckets/1", "/networks/0", "/networks/1", "/expires_at")
    ]
    six_years = rfc3339(clock.now_ns() + 6 * 366 * DAY * 10**9)
    assert pointers(make(client, founder, expires_at=six_years)) == ["/expires_at"]
    # a manager reads single people only as themselves, and no audit trail
    assert pointers(make(client, manager, "integration", scopes=["user.read", "audit_read", "user.list"])) == [
        *("/scopes/0", "/scopes/1")
    ]
    made = make(client, founder).json
    assert pointers(ask(client, "PATCH", founder, f"/{made['id']}", {"networks": ["x"]})) == ["/networks/0"]


def test_a_member_sees_their_own_keys_and_an_admin_all(client, founder, manager):
    stranger = sign_up(client, "stranger@hg.io")
    mine = [make(client, manager).json["id"] for _ in range(3)]
    of_founder = make(client, founder).json["id"]
    assert [it["id"] for it in ask(client, "GET", manager).json["items"]] == mine
    assert [it["id"] for it in ask(client, "GET", founder).json["items"]] == [*mine, of_founder]
    assert ask(client, "GET", stranger).json["items"] == []
    first = ask(client, "GET", founder, "?limit=3").json
    rest = ask(client, "GET", founder, f"?limit=3&cursor={first['next_cursor']}").json
    assert [it["id"] for it in first["items"] + rest["items"]] == [*mine, of_founder]
    for who, path, status in ((manager, of_founder, 404), (stranger, mine[0], 404), (founder, mine[0], 200)):
        assert ask(client, "GET", who, f"/{path}").status_code == status


def test_scopes_are_those_of_the_policy(client, manager):
    listed = client.get("/auth/scopes", headers=with_token(manager)).json
    scopes = {it["name"]: it["permissions"] for it in listed["items"]}
    compatible = [f"influxdb.{name}" for name in ("list_buckets", "list_organizations", "write", "write_database")]
    writing = [*compatible, "timeseries.list_measurements", "timeseries.write"]
    assert sorted(scopes["points_write"]) == writing
    assert listed["device"] == [*(f"imports.{name}" for name in ("cancel", "create", "list", "read")), *writing]
    assert scopes["user.list"] == ["user.list"]


def test_a_rotation_has_an_overlap(client, founder, clock):
    made = make(client, founder).json
    first = made["key"]
    rotate = f"/{made['id']}/rotate"
    rotated = ask(client, "POST", founder, rotate, {"overlap_seconds": 60}).json
    second = rotated["key"]
    assert (rotated["id"], second != first) == (made["id"], True)
    assert [stands_for(client, it)["active"] for it in (first, second)] == [True, True]
    assert stands_for(client, first)["exp"] * 10**9 <= clock.now_ns() + 60 * 10**9
    third = ask(client, "POST", founder, rotate, {}).json["key"]
    assert [stands_for(client, it)["active"] for it in (first, second, third)] == [False, True, True]
    clock.forward(DAY + 1)
    assert [stands_for(client, it)["active"] for it in (first, second, third)] == [False, False, True]


def test_a_key_expires_after_a_year(client, founder, clock):
    secret = make(client, founder).json["key"]
    clock.forward(365 * DAY - 1)
    assert stands_for(client, secret)["active"]
    clock.forward(2)
    assert stands_for(client, secret) == {"active": False}


def test_a_key_has_the_rights_that_its_owner_has_now(client, founder, manager):
    key = make(client, manager, "integration", scopes=["points_read"]).json
    before = stands_for(client, key["key"])
    assert (before["role"], before["sub"]) == ("manager", str(manager["user_id"]))
    ids = {name: manager[name] for name in ("org_id", "user_id")}
    change = {**ids, "actor_id": founder["user_id"], "actor_role": "admin", "seen_role": "manager", "seen_active": True}
    answer = client.post(
        "/auth/memberships", json={**change, "role": "user", "active": True}, headers=service_auth("user")
    )
    assert answer.status_code == 200
    after = stands_for(client, key["key"])
    assert (after["role"], after["api_key"]["version"] != before["api_key"]["version"]) == ("user", True)


def test_keys_stop_while_the_operator_has_locked_their_owner(client, founder):
    key, path = make(client, founder).json["key"], f"/auth/accounts/{founder['user_id']}"
    before = stands_for(client, key)["api_key"]["version"]
    assert client.post(f"{path}/lock", headers=operator_auth()).status_code == 200
    assert stands_for(client, key) == {"active": False}
    assert client.post(f"{path}/unlock", headers=operator_auth()).status_code == 204
    assert stands_for(client, key)["api_key"]["version"] != before  # what verifiers remember is looked up again


def test_keys_of_a_member_who_leaves(start, database, clock, events):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        founder = sign_up(client, "user@hg.io")
        manager = joined(client, founder, "manager@hg.io", "manager")
        device = make(client, manager).json
        integrations = [make(client, manager, "integration", scopes=["points_read"]).json for _ in range(2)]
        remove(client, manager)
        assert stands_for(client, device["key"]) == {"active": False}
        listed = ask(client, "GET", founder).json["items"]
        assert [it["id"] for it in listed] == [it["id"] for it in integrations]
        assert {it["adopt_before"] for it in listed} == {rfc3339(clock.now_ns() + 7 * DAY * 10**9)}
        assert [stands_for(client, it["key"])["role"] for it in integrations] == ["manager", "manager"]
        email = box.wait()[0]
    assert email["To"] == "user@hg.io"
    assert "watch" in email.get_content()
    refused = ask(client, "PATCH", founder, f"/{make(client, founder).json['id']}", {"adopt": True})
    assert refused.json["error"]["code"] == "AUTH_052"
    adopted = ask(client, "PATCH", founder, f"/{integrations[0]['id']}", {"adopt": True})
    assert adopted.json["created_by"] == founder["user_id"]
    clock.forward(7 * DAY + 1)
    assert [stands_for(client, it["key"])["active"] for it in integrations] == [True, False]
    said = [event["action"] for event in events() if event["resource"] == f"api_key:{integrations[1]['id']}"]
    assert said == ["auth.create_api_key", "auth.api_key_orphaned"]


def test_the_number_of_keys_is_limited(start):
    client = start(LIMITS="foundings_per_address_per_day=1000000,api_keys=2")
    founder = sign_up(client, "user@hg.io")
    answers = [make(client, founder).status_code for _ in range(3)]
    assert answers == [201, 201, 409]
    ask(client, "DELETE", founder, f"/{ask(client, 'GET', founder).json['items'][0]['id']}")
    assert make(client, founder).status_code == 201


def test_uses_are_stored_if_they_are_newer(client, founder):
    made = make(client, founder).json
    use = {"org_id": founder["org_id"], "id": made["id"], "minute": "2026-11-30T08:01:00Z", "address": "192.0.2.7"}
    earlier = {**use, "minute": "2026-11-30T08:00:00Z", "address": "192.0.2.8"}
    foreign = {**use, "org_id": 999, "minute": "2026-11-30T09:00:00Z"}
    for uses, stored in (([use], 1), ([earlier, foreign], 0), ([], 0)):
        answer = client.post("/auth/api-keys/uses", json={"uses": uses}, headers=service_auth("gateway"))
        assert answer.json == {"stored": stored}
    shown = ask(client, "GET", founder, f"/{made['id']}").json
    assert (shown["last_used_at"], shown["last_used_address"]) == (use["minute"], use["address"])


def test_a_persons_export_has_their_keys_without_digests(client, founder, manager):
    made = make(client, founder).json
    make(client, manager)
    query = f"?org_id={founder['org_id']}&user_id={founder['user_id']}"
    lines = client.get(f"/auth/exports{query}", headers=service_auth("user")).get_data(as_text=True).splitlines()
    keys = [line for line in map(json.loads, lines) if "hint" in json.dumps(line)]
    assert len(keys) == 1
    assert made["id"] in json.dumps(keys)
    assert made["key"][15:] not in json.dumps(lines)
