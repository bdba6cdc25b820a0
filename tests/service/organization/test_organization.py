"""GET and PUT /organization and /organization/policies."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from tests.people import found, join, owner
from tests.servers import Database
from tests.tokens import bearer, operator_auth

XML = {"Accept": "application/xml"}
Auth = dict[str, dict[str, str]]


@pytest.mark.parametrize("role", ["admin", "manager", "user"])
def test_every_member_reads_the_organization(client: FlaskClient, org: int, auth: Auth, role: str) -> None:
    answer = client.get("/organization", headers=auth[role])
    assert answer.status_code == 200
    document = answer.get_json()
    assert document.pop("created_at") == document.pop("updated_at")
    assert document == {"id": org, "name": "O'Brien & <b>Söhne</b>", "policies": "", "mode": "active"}
    rules = client.get("/organization/policies", headers=auth[role]).get_json()
    assert rules == {
        "policies": "",
        "retention_days": None,
        "time_zone": "UTC",
        "unknown_measurements": "accept",
    }


def test_the_organization_in_xml(client: FlaskClient, auth: Auth) -> None:
    answer = client.get("/organization", headers=auth["user"] | XML)
    root = etree.fromstring(answer.data)
    assert (root.tag, root.findtext("name")) == ("Organization", "O'Brien & <b>Söhne</b>")
    rules = etree.fromstring(client.get("/organization/policies", headers=auth["user"] | XML).data)
    assert rules.find("retention_days").get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"


def test_text_is_stored_unchanged(client: FlaskClient, auth: Auth) -> None:
    text = "1 < 2 & \"3\" > 'x'\n<script>alert(1)</script>\t€ 😀"
    answer = client.put("/organization", headers=auth["manager"], json={"policies": text})
    assert answer.status_code == 200
    assert answer.get_json()["policies"] == text
    assert client.get("/organization", headers=auth["user"]).get_json()["policies"] == text
    root = etree.fromstring(client.get("/organization", headers=auth["user"] | XML).data)
    assert root.findtext("policies") == text


def test_absent_members_stay_unchanged(client: FlaskClient, auth: Auth) -> None:
    client.put("/organization", headers=auth["admin"], json={"name": "New", "policies": "P"})
    document = client.put("/organization", headers=auth["admin"], json={"policies": ""}).get_json()
    assert (document["name"], document["policies"]) == ("New", "")
    assert document["updated_at"] > document["created_at"]
    rules = {"retention_days": 30, "time_zone": "America/Argentina/Buenos_Aires"}
    client.put("/organization/policies", headers=auth["admin"], json=rules)
    answer = client.put("/organization/policies", headers=auth["admin"], json={"unknown_measurements": "reject"})
    assert answer.get_json() == {"policies": "", "unknown_measurements": "reject", **rules}
    answer = client.put("/organization/policies", headers=auth["admin"], json={"retention_days": None})
    assert answer.get_json()["retention_days"] is None


def test_an_update_in_xml(client: FlaskClient, auth: Auth) -> None:
    headers = auth["admin"] | XML | {"Content-Type": "application/xml"}
    body = "<OrganizationPoliciesUpdate><time_zone>Europe/Madrid</time_zone><retention_days>7</retention_days>"
    answer = client.put("/organization/policies", headers=headers, data=body + "</OrganizationPoliciesUpdate>")
    assert answer.status_code == 200, answer.data
    assert etree.fromstring(answer.data).findtext("retention_days") == "7"
    assert client.get("/organization/policies", headers=auth["user"]).get_json()["time_zone"] == "Europe/Madrid"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/berlin", "localtime", "posixrules", "Europe"])
def test_an_unknown_time_zone_is_refused(client: FlaskClient, auth: Auth, zone: str) -> None:
    answer = client.put("/organization/policies", headers=auth["admin"], json={"time_zone": zone})
    assert answer.status_code == 422
    error = answer.get_json()["error"]
    assert error["code"] == "ORG_003"
    assert error["details"][0]["path"] == "/time_zone"
    assert zone not in error["details"][0]["message"] + error["message"]


BROKEN = [
    ({"retention_days": 0}, "/retention_days"),
    ({"retention_days": 36501}, "/retention_days"),
    ({"retention_days": "7"}, "/retention_days"),
    ({"time_zone": "../etc/passwd"}, "/time_zone"),
    ({"unknown_measurements": "maybe"}, "/unknown_measurements"),
    ({"policies": ["a"]}, "/policies"),
    ({"policies": "a\u0000"}, "/policies"),
    ({"id": 7}, "/id"),
]


def test_an_invalid_organization_update_is_refused(subtests: pytest.Subtests, client: FlaskClient, auth: Auth) -> None:
    for document, path in BROKEN:
        with subtests.test(str(document)):
            answer = client.put("/organization/policies", headers=auth["admin"], json=document)
            assert answer.status_code == 422
            assert [fault["path"] for fault in answer.get_json()["error"]["details"]] == [path]


def test_roles_without_the_right_are_refused(client: FlaskClient, auth: Auth) -> None:
    for role, method, path in (
        ("user", "PUT", "/organization"),
        ("user", "PUT", "/organization/policies"),
        ("manager", "PUT", "/organization/policies"),
        ("manager", "DELETE", "/organization"),
        ("user", "DELETE", "/organization"),
    ):
        answer = client.open(path, method=method, headers=auth[role] | XML, json={})
        assert answer.status_code == 403, (role, method, path)
        assert etree.fromstring(answer.data).findtext("code") == "GEN_403"
    assert client.get("/organization").status_code == 401
    assert client.get("/organization", headers=operator_auth()).status_code == 403


def test_each_caller_sees_only_their_own_organization(
    client: FlaskClient, database: Database, org: int, auth: Auth
) -> None:
    other = found(database, "Rival")
    spy = bearer(join(database, other, "admin"), "admin", other)
    client.put("/organization", headers=spy, json={"name": "Renamed"})
    assert client.get("/organization", headers=spy).get_json()["id"] == other
    assert client.get("/organization", headers=auth["user"]).get_json()["name"] == "O'Brien & <b>Söhne</b>"


def test_a_deleted_organization_is_not_found(client: FlaskClient, database: Database, org: int, auth: Auth) -> None:
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organizations SET deleted_at = now() WHERE id = %s", (org,))
    for method, body in (("GET", None), ("PUT", {"name": "X"}), ("DELETE", {"name": "X"})):
        answer = client.open("/organization", method=method, headers=auth["admin"], json=body)
        assert answer.status_code == 404
        assert answer.get_json()["error"]["code"] == "ORG_001"


@pytest.mark.parametrize("path", ["/organization", "/organization/policies"])
def test_etags_of_an_organization(client: FlaskClient, auth: Auth, path: str) -> None:
    old = client.get(path, headers=auth["admin"])
    tag = old.headers["ETag"]
    assert "no-cache" in old.headers["Cache-Control"]
    assert client.get(path, headers=auth["admin"] | {"If-None-Match": tag}).status_code == 304
    changed = client.put(path, headers=auth["admin"] | {"If-Match": tag}, json={"policies": "new"})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    stale = client.put(path, headers=auth["admin"] | XML | {"If-Match": tag}, json={"policies": "newer"})
    assert stale.status_code == 412
    assert etree.fromstring(stale.data).findtext("code") == "GEN_412"
    now = client.get(path, headers=auth["admin"] | {"If-None-Match": tag})
    assert now.status_code == 200
    assert now.get_json()["policies"] == "new"
    assert now.headers["ETag"] == changed.headers["ETag"]


def test_an_unchanged_state_keeps_its_etag(client: FlaskClient, auth: Auth, events: Callable[[], list[Any]]) -> None:
    tag = client.get("/organization", headers=auth["admin"]).headers["ETag"]
    same = client.put("/organization", headers=auth["admin"], json={"policies": ""})
    assert same.headers["ETag"] == tag
    assert events() == []


def test_of_two_organization_updates_with_one_etag_one_succeeds(app: Flask, auth: Auth) -> None:
    for attempt in range(5):
        tag = app.test_client().get("/organization", headers=auth["admin"]).headers["ETag"]
        statuses: list[int] = []
        together = threading.Barrier(2)

        def update(name: str, tag: str, together: threading.Barrier, statuses: list[int]) -> None:
            together.wait()
            headers = auth["admin"] | {"If-Match": tag}
            statuses.append(app.test_client().put("/organization", headers=headers, json={"name": name}).status_code)

        names = (f"a{attempt}", f"b{attempt}")
        threads = [threading.Thread(target=update, args=(name, tag, together, statuses)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 412]


def test_changes_of_an_organization_leave_events(
    client: FlaskClient, org: int, auth: Auth, events: Callable[[], list[dict[str, Any]]]
) -> None:
    client.put("/organization", headers=auth["manager"], json={"policies": "Dr. House treats Ann"})
    client.put("/organization/policies", headers=auth["admin"], json={"retention_days": 30, "policies": "none"})
    client.put("/organization/policies", headers=auth["admin"], json={"retention_days": 0})
    first, second = events()
    assert (first["action"], first["payload"]) == ("organization.update", {"changed": "policies"})
    assert second["action"] == "organization.update_policies"
    assert second["payload"] == {
        "changed": "policies,retention_days",
        "retention_days_before": None,
        "retention_days_after": 30,
    }
    for event in (first, second):
        assert (event["kind"], event["org_id"], event["resource"]) == ("change", org, f"organization:{org}")
        assert (event["service"], event["outcome"]) == ("organization", "success")


def test_bodies_and_types_of_an_organization_update(client: FlaskClient, auth: Auth) -> None:
    for content_type, body, status in (
        ("application/json", b"{", 400),
        ("application/json", b'{"name": "a", "name": "b"}', 400),
        ("application/xml", b"<OrganizationUpdate>", 400),
        ("application/xml", b"<OrganizationUpdate><name>a</name><name>b</name></OrganizationUpdate>", 400),
        ("application/json", b'{"name": ""}', 422),
        ("application/xml", b"<Organization><name>a</name></Organization>", 422),
        ("text/csv", b"name\na", 415),
    ):
        answer = client.put("/organization", headers=auth["admin"] | {"Content-Type": content_type}, data=body)
        assert answer.status_code == status, (body, answer.data)
    assert client.get("/organization", headers=auth["user"] | {"Accept": "image/png"}).status_code == 406
