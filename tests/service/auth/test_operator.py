"""What the operator does with the accounts of every organization."""

import pytest

from tests.people import owner
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.service.auth.test_login_locks import HERE, attempt, lock
from tests.tokens import operator_auth


@pytest.fixture
def ask(client):
    """A request of the operator; its status and document."""

    def send(method, path, **request):
        answer = client.open(path, method=method, headers=operator_auth(), **request)
        return answer.status_code, answer.json if answer.data else None

    return send


def test_a_person_is_found_by_address_across_organizations(client, founder, ask):
    other = sign_up(client, "Zoe.O@other.example", full_name="Zoë Ólafs")
    status, found = ask("GET", "/auth/accounts?email=ZOE.O@OTHER.example")
    assert (status, [it["id"] for it in found["items"]], found["next_cursor"]) == (200, [other["user_id"]], None)
    assert {"org_id": other["org_id"], "active": True, "open_sessions": 1}.items() <= found["items"][0].items()
    assert [it["id"] for it in ask("GET", "/auth/accounts?q=%C3%B3LAFS")[1]["items"]] == [other["user_id"]]
    of_founder = ask("GET", f"/auth/accounts?org_id={founder['org_id']}&role=admin&active=true")[1]["items"]
    assert [it["id"] for it in of_founder] == [founder["user_id"]]
    first = ask("GET", "/auth/accounts?limit=1")[1]
    second = ask("GET", f"/auth/accounts?limit=1&cursor={first['next_cursor']}")[1]
    assert [it["items"][0]["id"] for it in (first, second)] == [founder["user_id"], other["user_id"]]
    assert second["next_cursor"] is None


def test_a_lock_ends_the_sessions_of_the_last_admin_at_once(client, founder, ask, events):
    sign_up_member(client, founder)
    assert ask("POST", f"/auth/accounts/{founder['user_id']}/lock") == (200, {"sessions_ended": 1})
    refused = client.get("/auth/profile", headers=with_token(founder))
    assert (refused.status_code, refused.json["error"]["code"]) == (401, "GEN_401_TOKEN")
    assert log_in(client, "user@hg.io").status_code == 401
    assert ask("GET", f"/auth/accounts/{founder['user_id']}")[1]["active"] is False
    assert ask("POST", f"/auth/accounts/{founder['user_id']}/lock") == (200, {"sessions_ended": 0})
    locked = [it for it in events() if it["action"] == "auth.account_locked"]
    assert [(it["actor"], it["org_id"], it["payload"]) for it in locked] == [
        ("operator", founder["org_id"], {"ended": 1})
    ]


def sign_up_member(client, founder):
    made = client.post(
        "/auth/register",
        json={"email": "member@hg.io", "password": "Secret123", "role": "user"},
        headers=with_token(founder),
    )
    assert made.status_code == 201, made.data
    return made.json


def test_an_unlock_also_forgets_failed_logins(client, founder, ask):
    ask("POST", f"/auth/accounts/{founder['user_id']}/lock")
    lock(client)
    shown = ask("GET", f"/auth/accounts/{founder['user_id']}")[1]
    assert "login_locked_until" in shown
    assert attempt(client, password="Secret123").status_code == 429
    assert ask("POST", f"/auth/accounts/{founder['user_id']}/unlock") == (204, None)
    assert "login_locked_until" not in ask("GET", f"/auth/accounts/{founder['user_id']}")[1]
    assert attempt(client, password="Secret123").status_code == 200
    # the counter is gone, too: four more failures lock nobody
    assert [attempt(client).status_code for _ in range(4)] == [401] * 4
    assert attempt(client, password="Secret123").status_code == 200


def test_open_sessions_are_shown_with_device_and_ended(client, founder, ask, events):
    headers = {**HERE, "User-Agent": "HeartWatch/2.1"}
    attempt(client, password="Secret123", headers=headers)
    status, found = ask("GET", f"/auth/accounts/{founder['user_id']}/sessions")
    assert status == 200
    newest = found["items"][0]
    assert (newest["address"], newest["user_agent"]) == ("192.0.2.1", "HeartWatch/2.1")
    assert [it["current"] for it in found["items"]] == [False, False]
    assert ask("DELETE", f"/auth/accounts/{founder['user_id']}/sessions") == (200, {"sessions_ended": 2})
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 401
    assert ask("GET", f"/auth/accounts/{founder['user_id']}/sessions")[1] == {"items": []}
    read = next(it for it in events() if it["action"] == "auth.sessions_of.disclosed")
    assert (read["actor"], read["resource"], read["org_id"]) == ("operator", "user:1", founder["org_id"])


def test_the_operator_invites_an_admin(client, founder, ask, database):
    path = f"/auth/organizations/{founder['org_id']}/invitations"
    status, invitation = ask("POST", path, json={"email": "new@hg.io", "role": "admin"})
    assert status == 201
    shown = client.get("/auth/invitations", headers=with_token(founder)).json["items"]
    assert [(it["email"], it["role"]) for it in shown] == [("new@hg.io", "admin")]
    account = {"email": "new@hg.io", "password": "Secret123", "invitation": invitation["code"]}
    made = client.post("/auth/register", json=account)
    assert (made.status_code, made.json["role"], made.json["org_id"]) == (201, "admin", founder["org_id"])
    assert ask("POST", path, json={"email": "new@hg.io", "role": "user"})[1]["error"]["code"] == "AUTH_002"
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organizations SET closed_at = now()")
    closed = ask("POST", path, json={"email": "late@hg.io", "role": "user"})
    assert (closed[0], closed[1]["error"]["code"]) == (404, "GEN_404")


@pytest.mark.parametrize(
    ("method", "end"),
    [("GET", ""), ("GET", "/sessions"), ("DELETE", "/sessions"), ("POST", "/lock"), ("POST", "/unlock")],
)
def test_an_unknown_account_is_not_found(ask, method, end):
    status, document = ask(method, f"/auth/accounts/77{end}")
    assert (status, document["error"]["code"]) == (404, "GEN_404")
