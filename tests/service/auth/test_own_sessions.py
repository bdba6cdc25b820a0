"""People list and end their own sessions."""

import uuid

import pytest
from lxml import etree

from tests.service.auth.conftest import log_in, sign_up, with_token

DAY = 86_400


@pytest.fixture
def other(client, founder):
    """A second session of the founder."""
    body = {"email": "user@hg.io", "password": "Secret123"}
    return client.post("/auth/login", json=body, headers={"User-Agent": "Phone/2\x85"}).json


def listed(client, tokens):
    answer = client.get("/auth/sessions", headers=with_token(tokens))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return answer.json["items"]


def test_sessions_are_listed_last_used_first_and_the_asking_one_is_marked(client, founder, clock):
    clock.forward(60)
    log_in(client, "user@hg.io")
    first = listed(client, founder)
    assert [item["current"] for item in first] == [False, True]
    clock.forward(60)
    client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]})
    used, unused = listed(client, founder)
    assert (used["current"], unused["current"]) == (True, False)
    assert used["created_at"] < unused["created_at"] == unused["last_used_at"] < used["last_used_at"]
    assert used["address"] == "127.0.0.1"


def test_a_user_agent_is_shown_without_its_control_characters(client, founder, other):
    answer = client.get("/auth/sessions", headers={**with_token(other), "Accept": "application/xml"})
    root = etree.fromstring(answer.data)
    assert [
        item.findtext("user_agent") for item in root.iterfind("items/item") if item.findtext("current") == "true"
    ] == ["Phone/2"]


def test_others_sessions_are_not_listed(client, founder):
    stranger = sign_up(client, "stranger@hg.io")
    assert len(listed(client, founder)) == len(listed(client, stranger)) == 1


def test_sessions_that_ran_out_are_not_listed(client, founder, clock):
    clock.forward(14 * DAY)
    fresh = log_in(client, "user@hg.io").json
    assert [item["current"] for item in listed(client, fresh)] == [True]


def test_a_session_is_ended_by_its_owner(client, founder, other, events):
    session_id = next(item["id"] for item in listed(client, founder) if not item["current"])
    assert client.delete(f"/auth/sessions/{session_id.upper()}", headers=with_token(founder)).status_code == 204
    assert client.get("/auth/profile", headers=with_token(other)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": other["refresh_token"]}).status_code == 401
    assert len(listed(client, founder)) == 1
    last = events()[-1]
    assert (last["action"], last["outcome"]) == ("auth.session_ended", "success")
    assert last["resource"] == f"session:{session_id}"
    assert client.delete(f"/auth/sessions/{session_id}", headers=with_token(founder)).status_code == 404


def test_a_session_of_another_person_is_not_found(client, founder):
    colleague = {"email": "boss@hg.io", "password": "Another-pass-1", "role": "admin"}
    client.post("/auth/register", json=colleague, headers=with_token(founder))
    boss = log_in(client, "boss@hg.io", "Another-pass-1").json
    for session_id in (listed(client, founder)[0]["id"], str(uuid.uuid4()), "7", "x" * 300):
        assert client.delete(f"/auth/sessions/{session_id}", headers=with_token(boss)).status_code == 404
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 200


def test_logout_clears_the_cookie(client, founder):
    cookie = client.post("/auth/logout", headers=with_token(founder)).headers["Set-Cookie"]
    value, *attributes = cookie.split("; ")
    assert value == "heartguard_refresh="
    assert {"Max-Age=0", "Path=/auth"} <= set(attributes)
    assert all(attribute in cookie for attribute in ("HttpOnly", "Secure", "SameSite=Strict"))
