"""Rules and their versions."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.clocks import MovableClock
from tests.people import found, join
from tests.servers import Database
from tests.tokens import bearer, service_auth

from .conftest import Auth

HIGH = {"name": "High", "measurement": "heart_rate", "field": "bpm", "condition": "above", "threshold": 120}
XML = {"Content-Type": "application/xml", "Accept": "application/xml"}


def make(client: FlaskClient, auth: Auth, **more: Any) -> Any:
    return client.post("/alarms/rules", json={**HIGH, **more}, headers=auth["admin"])


def test_a_rule_has_a_version_for_each_change(client: FlaskClient, auth: Auth, clock: MovableClock) -> None:
    made = make(client, auth)
    assert made.status_code == 201, made.data
    rule = made.get_json()
    assert (rule["version"], rule["enabled"], rule["clear_threshold"], rule["for_seconds"]) == (1, False, 120, 600)
    path = f"/alarms/rules/{rule['id']}"
    assert made.headers["Location"] == path
    clock.forward(60)
    changed = client.patch(path, json={"enabled": True, "clear_threshold": 110}, headers=auth["admin"]).get_json()
    assert (changed["version"], changed["enabled"], changed["clear_threshold"]) == (2, True, 110)
    assert client.patch(path, json={"enabled": True}, headers=auth["admin"]).get_json()["version"] == 2
    read = client.get(path, headers=auth["manager"]).get_json()
    assert [it["version"] for it in read["versions"]] == [2, 1]
    assert read["versions"][1]["valid_from"] == rule["created_at"] < read["changed_at"]
    assert client.delete(path, headers=auth["admin"]).status_code == 204
    assert client.get(path, headers=auth["admin"]).get_json()["error"]["code"] == "ALARM_001"
    assert client.get("/alarms/rules", headers=auth["admin"]).get_json()["items"] == []


def test_a_rule_in_xml(client: FlaskClient, auth: Auth) -> None:
    body = """<AlarmRuleRequest><name>Night</name><measurement>heart_rate</measurement><field>bpm</field>
    <condition>below</condition><threshold>40</threshold><people><user_id>7</user_id></people>
    <times><zone>Europe/Madrid</zone><ranges><range><days><day>mon</day></days><start>22:00</start><stop>07:00</stop>
    </range></ranges></times></AlarmRuleRequest>"""
    answer = client.post("/alarms/rules", data=body, headers=auth["admin"] | XML)
    assert answer.status_code == 201, answer.data
    assert etree.fromstring(answer.data).findtext("people/user_id") == "7"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"clear_threshold": 121}, "/clear_threshold"),
        ({"condition": "below", "clear_threshold": 119}, "/clear_threshold"),
        ({"overrides": [{"user_id": 1, "clear_threshold": 130}]}, "/overrides/0/clear_threshold"),
        ({"overrides": [{"user_id": 1}, {"user_id": 1, "off": True}]}, "/overrides/1/user_id"),
        ({"times": {"zone": "Europe/Atlantis", "ranges": []}}, "/times/zone"),
        ({"no_data_after_seconds": 900}, "/no_data_after_seconds"),
        ({"condition": "no_data", "no_data_after_seconds": 900}, "/threshold"),
        ({"overrides": [{"user_id": 1, "no_data_after_seconds": 90}]}, "/overrides/0/no_data_after_seconds"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(
    client: FlaskClient, auth: Auth, more: dict[str, Any], path: str
) -> None:
    answer = make(client, auth, **more)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "ALARM_002")
    assert [it["path"] for it in answer.get_json()["error"]["details"]] == [path]


def test_a_repeated_request_makes_one_rule(client: FlaskClient, auth: Auth) -> None:
    once = auth["admin"] | {"Idempotency-Key": "one"}
    first, again = (client.post("/alarms/rules", json=HIGH, headers=once).get_json()["id"] for _ in range(2))
    assert first == again
    assert len(client.get("/alarms/rules", headers=auth["admin"]).get_json()["items"]) == 1


def test_a_change_of_what_has_changed_is_refused(client: FlaskClient, auth: Auth) -> None:
    path = f"/alarms/rules/{make(client, auth).get_json()['id']}"
    seen = client.get(path, headers=auth["admin"]).headers["ETag"]
    assert client.patch(path, json={"threshold": 125}, headers=auth["admin"] | {"If-Match": seen}).status_code == 200
    assert client.patch(path, json={"threshold": 130}, headers=auth["admin"] | {"If-Match": seen}).status_code == 412


def test_default_rules_are_off_name_their_sources_and_come_once(client: FlaskClient, auth: Auth) -> None:
    for _ in range(2):
        items = client.post("/alarms/rules/defaults", headers=auth["admin"]).get_json()["items"]
        assert sorted(it["condition"] for it in items) == ["above", "below", "no_data", "no_data"]
        assert not any(it["enabled"] for it in items)
        missing = {it["no_data_after_seconds"]: it for it in items if it["condition"] == "no_data"}
        assert {after: it["severity"] for after, it in missing.items()} == {900: "warning", 1800: "critical"}
        assert all("Nightscout" in it["source"] and "threshold" not in it for it in missing.values())
        of_values = [it for it in items if it["condition"] != "no_data"]
        assert all("HT208931" in it["source"] and it["activity"] == "resting" for it in of_values)
    assert len(client.get("/alarms/rules", headers=auth["manager"]).get_json()["items"]) == 4


def test_an_organization_has_a_limited_number_of_rules(client: FlaskClient, auth: Auth, database: Database) -> None:
    for number in range(100):
        assert make(client, auth, name=f"Rule {number}").status_code == 201
    answer = make(client, auth)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "GEN_409_LIMIT")
    page = client.get("/alarms/rules?limit=60", headers=auth["admin"]).get_json()
    rest = client.get(f"/alarms/rules?limit=60&cursor={page['next_cursor']}", headers=auth["admin"]).get_json()
    names = [it["name"] for it in page["items"] + rest["items"]]
    assert names == [f"Rule {number}" for number in range(100)]
    other = found(database)
    stranger = bearer(join(database, other, "admin"), "admin", other)
    assert client.get("/alarms/rules", headers=stranger).get_json()["items"] == []
    path = f"/alarms/rules/{page['items'][0]['id']}"
    assert client.patch(path, json={"enabled": True}, headers=stranger).status_code == 404


def test_a_deleted_person_is_removed_from_all_versions(
    client: FlaskClient, auth: Auth, database: Database, org: int
) -> None:
    wanda, ann = (join(database, org, "user") for _ in range(2))
    theirs = make(client, auth, people=[wanda], enabled=True).get_json()["id"]
    shared = make(client, auth, people=[wanda, ann], overrides=[{"user_id": wanda, "off": True}], enabled=True)
    path = f"/alarms/exports?org_id={org}&user_id={wanda}"
    lines = [json.loads(it) for it in client.get(path, headers=service_auth("user")).data.splitlines()]
    assert [it["kind"] for it in lines] == ["alarm_rule", "alarm_rule", "end"]
    document = {"org_id": org, "user_id": wanda}
    erased = client.post("/alarms/erasures", json=document, headers=service_auth("user"))
    assert erased.get_json() == {"removed": 2}
    assert client.post("/alarms/erasures", json=document, headers=service_auth("user")).get_json() == {"removed": 0}
    alone = client.get(f"/alarms/rules/{theirs}", headers=auth["admin"]).get_json()
    assert (alone["people"], alone["enabled"]) == ([], False)
    left = client.get(f"/alarms/rules/{shared.get_json()['id']}", headers=auth["admin"]).get_json()
    assert (left["people"], left["overrides"], left["enabled"]) == ([ann], [], True)
    whole = client.post("/alarms/erasures", json={"org_id": org}, headers=service_auth("organization"))
    assert whole.get_json() == {"removed": 2}
    assert client.get("/alarms/rules", headers=auth["admin"]).get_json()["items"] == []
