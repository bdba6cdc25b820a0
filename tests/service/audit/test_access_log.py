"""GET /users/me/access-log: who else has read the caller's data."""

import pytest
from lxml import etree

from tests.store.audit.conftest import event
from tests.tokens import bearer, operator_auth, service_auth

ME = bearer(12, "user", org_id=1)


def reading(**values):
    usual = {"kind": "access", "actor": "user:7", "action": "user.read", "service": "gateway", "resource": "user:12"}
    return event(**{**usual, "payload": {"method": "GET", "status": 200}, **values})


def ids(answer):
    return [item["id"] for item in answer.json["items"]]


def test_the_access_log_shows_only_reads_by_others_of_own_data(client, journal):
    seen = reading()
    disclosed = reading(kind="change", action="media.download.disclosed", service="media", payload={"media": "x"})
    by_operator = reading(actor="operator")
    others = [
        reading(actor="user:12"),
        reading(resource="user:13"),
        reading(resource="user:121"),
        reading(org_id=2),
        reading(outcome="denied", payload={"method": "GET", "status": 403}),
        reading(payload={"method": "PATCH", "status": 200}),
        reading(kind="change", action="user.updated", payload={}),
    ]
    journal.add([seen, *others, disclosed, by_operator])
    answer = client.get("/users/me/access-log", headers=ME)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert ids(answer) == [by_operator.id, disclosed.id, seen.id]


def test_pages_stay_complete_while_more_is_read(client, journal):
    first = [reading() for _ in range(5)]
    journal.add(first)
    page = client.get("/users/me/access-log?limit=2", headers=ME)
    journal.add([reading()])
    seen = ids(page)
    while page.json["next_cursor"]:
        query = {"limit": 2, "cursor": page.json["next_cursor"]}
        page = client.get("/users/me/access-log", query_string=query, headers=ME)
        seen += ids(page)
    assert seen == [it.id for it in reversed(first)]


def test_the_access_log_in_xml_equals_the_json(client, journal):
    sent = reading()
    journal.add([sent])
    root = etree.fromstring(client.get("/users/me/access-log?format=xml", headers=ME).data)
    assert [item.findtext("id") for item in root.findall("items/item")] == [sent.id]


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (operator_auth(), 403), (service_auth("user"), 403)])
def test_only_people_have_an_access_log(client, headers, status):
    assert client.get("/users/me/access-log", headers=headers).status_code == status


@pytest.mark.parametrize("query", ["user_id=13", "limit=0", "limit=501", "actor=user:7"])
def test_a_strange_parameter_is_refused(client, query):
    assert client.get(f"/users/me/access-log?{query}", headers=ME).status_code == 422


def test_a_broken_cursor_is_refused(client):
    assert client.get("/users/me/access-log?cursor=nothing", headers=ME).status_code == 422
