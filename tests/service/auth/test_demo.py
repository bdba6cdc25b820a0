"""POST /auth/demo: a short token of a demo's visitor account, and only where the operator wants that."""

import pytest

from tests.people import found, join, owner
from tests.servers import until
from tests.service.auth.conftest import with_token


@pytest.fixture
def demo(database):
    """A demo with an admin, a user and two managers; its number and that of the first manager."""
    org = found(database, "Demo")
    join(database, org, "admin")
    join(database, org, "user")
    visitor = join(database, org, "manager")
    join(database, org, "manager")
    set_mode(database, org, "demo")
    return org, visitor


def set_mode(database, org, mode):
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.organization_states (org_id, mode, changed_at) VALUES (%s, %s, now())"
            " ON CONFLICT (org_id) DO UPDATE SET mode = excluded.mode, changed_at = now()",
            (org, mode),
        )


def code_of(answer):
    return answer.status_code, answer.json["error"]["code"]


def test_there_is_none_unless_it_is_turned_on_and_exists(client, start, database, demo):
    assert code_of(client.post("/auth/demo")) == (404, "AUTH_080")
    on = start(DEMO_ENABLED="on")
    assert on.post("/auth/demo").status_code == 200
    set_mode(database, demo[0], "read_only")
    assert code_of(on.post("/auth/demo")) == (404, "AUTH_080")


def test_a_visitor_reads_and_changes_nothing(start, demo):
    client = start(DEMO_ENABLED="on")
    answer = client.post("/auth/demo")
    assert (answer.json["expires_in"], answer.json["token_type"]) == (900, "Bearer")
    assert answer.headers["Cache-Control"] == "no-store"
    me = with_token(answer.json)
    profile = client.get("/auth/profile", headers=me).json
    assert (profile["org_id"], profile["id"], profile["role"]) == (*demo, "manager")
    until(
        lambda: code_of(client.get("/auth/sessions", headers=me)) == (403, "GEN_403_READONLY"), "the mode being copied"
    )
    password = {"current_password": "Secret123", "new_password": "another one 3"}
    invitation = {"email": "friend@hg.io", "role": "user"}
    for path, body in (
        ("/auth/password", password),
        ("/auth/invitations", invitation),
        ("/auth/api-keys", {"kind": "device", "name": "watch"}),
        ("/auth/register", {"email": "friend@hg.io", "password": "Secret123"}),
    ):
        assert code_of(client.post(path, json=body, headers=me)) == (403, "GEN_403_READONLY"), path
    for path in ("/auth/sessions", "/auth/api-keys", "/auth/invitations"):
        assert code_of(client.get(path, headers=me)) == (403, "GEN_403_READONLY"), path
    assert client.post("/auth/logout", headers=me).status_code == 204
    assert client.get("/auth/profile", headers=me).status_code == 401


def test_an_address_gets_so_many_tokens_a_day(start, demo):
    client = start(DEMO_ENABLED="on", LIMITS="demo_tokens_per_address_per_day=2")
    assert demo
    assert [client.post("/auth/demo").status_code for _ in range(3)] == [200, 200, 429]
    assert code_of(client.post("/auth/demo")) == (429, "GEN_429_LIMIT")
