"""An admin lists and ends the sessions of a member, as far as they are of the admin's organization."""

import uuid

import pytest
from lxml import etree

from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.service.auth.test_identities import EMAIL, PASSWORD, accept, acts, invited, refreshes, switch

XML = {"Accept": "application/xml"}


@pytest.fixture
def elsewhere(client):
    """Ana's tokens for the organization that she has founded."""
    return sign_up(client, EMAIL, PASSWORD)


@pytest.fixture
def here(client, founder, elsewhere):
    """Ana's tokens for the founder's organization, which she has joined; with her id there."""
    made = accept(client, invited(client, founder), elsewhere).json
    return {"user_id": made["user_id"], **switch(client, elsewhere, founder["org_id"]).json}


def path(user_id, session_id=None):
    return f"/auth/members/{user_id}/sessions" + (f"/{session_id}" if session_id else "")


def listed(client, tokens, user_id):
    answer = client.get(path(user_id), headers=with_token(tokens))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return answer.json["items"]


def test_only_the_sessions_of_this_organization_are_listed(client, founder, elsewhere, here, clock):
    clock.forward(60)
    phone = {"User-Agent": "Phone/2"}
    body = {"email": EMAIL, "password": PASSWORD, "org_id": founder["org_id"]}
    assert client.post("/auth/login", json=body, headers=phone).status_code == 200
    own = {it["id"]: it for it in client.get("/auth/sessions", headers=with_token(here)).json["items"]}
    assert len(own) == 3
    items = listed(client, founder, here["user_id"])
    mine = [it for it in own.values() if it["org_id"] == founder["org_id"]]
    assert [it["id"] for it in items] == [it["id"] for it in mine]
    assert (items[0]["user_agent"], items[0]["current"]) == ("Phone/2", False)
    assert all(it.keys() == {"id", "created_at", "last_used_at", "address", "user_agent", "current"} for it in items)
    root = etree.fromstring(client.get(path(here["user_id"]), headers={**with_token(founder), **XML}).data)
    assert [it.findtext("id") for it in root.iterfind("items/item")] == [it["id"] for it in items]
    assert [it["current"] for it in listed(client, founder, founder["user_id"])] == [True]


def test_one_session_is_ended_and_those_of_other_organizations_stay(client, founder, elsewhere, here, events):
    other = log_in(client, EMAIL, PASSWORD).json  # of the organization that she used last
    ids = [it["id"] for it in listed(client, founder, here["user_id"])]
    assert len(ids) == 2
    of_here = client.get("/auth/sessions", headers=with_token(here)).json["items"]
    ended = next(it["id"] for it in of_here if it["current"])
    answer = client.delete(path(here["user_id"], ended.upper()), headers=with_token(founder))
    assert (answer.status_code, answer.data) == (204, b"")
    assert (acts(client, here), refreshes(client, here)) == (False, False)
    assert acts(client, other)
    assert acts(client, elsewhere)
    event = events()[-1]
    assert (event["action"], event["actor"], event["resource"], event["org_id"], event["payload"]) == (
        "auth.session_ended",
        f"user:{founder['user_id']}",
        f"session:{ended}",
        founder["org_id"],
        {"user_id": here["user_id"]},
    )
    assert client.delete(path(here["user_id"], ended), headers=with_token(founder)).status_code == 404


def test_all_sessions_are_ended_and_those_of_other_organizations_stay(client, founder, elsewhere, here, events):
    answer = client.delete(path(here["user_id"]), headers={**with_token(founder), **XML})
    assert etree.fromstring(answer.data).findtext("sessions_ended") == "1"
    assert (acts(client, here), refreshes(client, here)) == (False, False)
    assert (acts(client, elsewhere), refreshes(client, elsewhere)) == (True, True)
    assert listed(client, founder, here["user_id"]) == []
    event = events()[-1]
    assert (event["action"], event["resource"], event["payload"]) == (
        "auth.sessions_ended",
        f"user:{here['user_id']}",
        {"ended": 1},
    )
    again = client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD, "org_id": founder["org_id"]})
    assert again.status_code == 200


def test_a_person_or_session_of_elsewhere_is_answered_as_an_unknown_one(client, founder, elsewhere, here):
    everywhere = client.get("/auth/sessions", headers=with_token(here)).json["items"]
    foreign = next(it["id"] for it in everywhere if it["org_id"] == elsewhere["org_id"])
    unknown = path(999)
    for method, place in (
        ("GET", path(elsewhere["user_id"])),
        ("DELETE", path(elsewhere["user_id"])),
        ("DELETE", path(elsewhere["user_id"], foreign)),
        ("DELETE", path(here["user_id"], foreign)),
        ("DELETE", path(here["user_id"], uuid.uuid4())),
        ("GET", path(10**30)),
    ):
        answer = client.open(place, method=method, headers=with_token(founder))
        reference = client.open(unknown, method=method if method == "GET" else "DELETE", headers=with_token(founder))
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "GEN_404"), place
        assert {**answer.json["error"], "request_id": ""} == {**reference.json["error"], "request_id": ""}
    assert acts(client, elsewhere)


@pytest.mark.parametrize("role", ["user", "manager"])
def test_only_admins_may(client, founder, role):
    body = {"email": "other@hg.io", "password": "Another-pass-1", "role": role}
    made = client.post("/auth/register", json=body, headers=with_token(founder)).json
    member = log_in(client, "other@hg.io", "Another-pass-1").json
    for user_id in (founder["user_id"], made["user_id"]):
        for method, place in (
            ("GET", path(user_id)),
            ("DELETE", path(user_id)),
            ("DELETE", path(user_id, uuid.uuid4())),
        ):
            assert client.open(place, method=method, headers=with_token(member)).status_code == 403
    assert acts(client, founder)
