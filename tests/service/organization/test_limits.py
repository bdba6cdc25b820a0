"""The limits of an organization: the admin reads them, the operator sets them."""

import pytest

from heartguard_common.core.limit_table import TABLE
from tests.people import found, join, limit
from tests.tokens import bearer, operator_auth, service_auth


def limits_of(answer):
    assert answer.status_code == 200, answer.data
    return {item["name"]: item for item in answer.json["items"]}


def put(client, org, *settings, who=None):
    sent = {"limits": [{"name": name, "value": value} for name, value in settings]}
    return client.put(f"/organization/{org}/limits", json=sent, headers=who or operator_auth())


def test_an_admin_sees_every_limit_with_its_use(client, database, org, auth):
    limit(database, org, members=7)
    shown = limits_of(client.get("/organization/limits", headers=auth["admin"]))
    assert list(shown) == [it.name for it in TABLE]
    assert (shown["members"]["value"], shown["members"]["default"], shown["members"]["used"]) == (7, 10_000, 3)
    assert "DELETE /users/{user_id}" in shown["members"]["freed"]
    assert shown["buckets"]["used"] == 0
    # `used` is missing for limits that are counted over all organizations.
    assert {name for name, it in shown.items() if "used" not in it} == {
        it.name for it in TABLE if it.scope in ("recipient", "address")
    }
    xml = client.get("/organization/limits", headers={**auth["admin"], "Accept": "application/xml"})
    assert b"<item><name>members</name><scope>organization</scope><unit>people</unit><value>7</value>" in xml.data
    for role in ("manager", "user"):
        assert client.get("/organization/limits", headers=auth[role]).status_code == 403


def test_the_operator_sets_and_resets_limits_of_one_organization(client, database, org, auth, events):
    other = found(database, "Other")
    answer = put(client, org, ("members", 5), ("buckets", 0))
    assert [limits_of(answer)[name]["value"] for name in ("members", "buckets")] == [5, 0]
    assert limits_of(client.get("/organization/limits", headers=auth["admin"]))["members"]["value"] == 5
    stranger = bearer(join(database, other, "admin"), "admin", other)
    assert limits_of(client.get("/organization/limits", headers=stranger))["members"]["value"] == 10_000
    assert limits_of(put(client, org, ("members", None)))["members"]["value"] == 10_000
    assert limits_of(client.get(f"/organization/{org}/limits", headers=operator_auth()))["buckets"]["value"] == 0
    put(client, org, ("buckets", 0))  # changes nothing, so it says nothing
    changes = [(it["org_id"], it["resource"], it["payload"]) for it in events() if "limits" in it["action"]]
    where = (org, f"organization:{org}")
    assert changes == [
        (*where, {"members_before": None, "buckets_before": None, "members_after": 5, "buckets_after": 0}),
        (*where, {"members_before": 5, "members_after": None}),
    ]


@pytest.mark.parametrize("name", ["nonsense", "foundings_per_address_per_day", "codes_per_recipient_per_day"])
def test_an_unknown_limit_cannot_be_set(client, org, name):
    answer = put(client, org, ("members", 5), (name, 5))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "ORG_005")
    assert [fault["path"] for fault in answer.json["error"]["details"]] == ["/limits/1/name"]
    shown = limits_of(client.get(f"/organization/{org}/limits", headers=operator_auth()))
    assert shown["members"]["value"] == shown["members"]["default"]


def test_only_the_operator_can_set_limits(client, org, auth):
    for who in (auth["admin"], auth["manager"], service_auth("user")):
        assert put(client, org, ("members", 5), who=who).status_code == 403
    answer = put(client, 999, ("members", 5))
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "ORG_001")
