"""GET and PUT /users/me."""

import json
import threading

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from tests.audit_events import recorded_events
from tests.people import found, join, owner
from tests.servers import Database
from tests.tokens import JWT_SECRET, bearer, operator_auth, service_auth, token_for

XML = {"Accept": "application/xml"}


@pytest.fixture
def org(database: Database) -> int:
    return found(database, "St. Mary's")


@pytest.fixture
def ana(database: Database, org: int) -> tuple[int, dict[str, str]]:
    user_id = join(database, org, "user", email="ana@example.com", full_name="Ana O'Brien & Söhne <3")
    return user_id, bearer(user_id, "user", org)


def test_a_user_reads_their_own_profile(client: FlaskClient, org: int, ana: tuple[int, dict[str, str]]) -> None:
    user_id, auth = ana
    answer = client.get("/users/me", headers=auth)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]
    document = answer.get_json()
    assert document.pop("created_at").endswith("Z")
    assert document == {
        "id": user_id,
        "email": "ana@example.com",
        "full_name": "Ana O'Brien & Söhne <3",
        "role": "user",
        "org_id": org,
        "active": True,
        "preferences": {},
    }


def test_the_profile_in_xml(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    user_id, auth = ana
    answer = client.get("/users/me", headers=auth | XML)
    assert answer.content_type == "application/xml; charset=utf-8"
    root = etree.fromstring(answer.data)
    assert root.tag == "User"
    assert root.findtext("id") == str(user_id)
    assert root.findtext("full_name") == "Ana O'Brien & Söhne <3"
    assert root.find("preferences") is not None


def test_the_format_parameter_of_a_profile_overrides_accept(
    client: FlaskClient, ana: tuple[int, dict[str, str]]
) -> None:
    answer = client.get("/users/me?format=xml", headers=ana[1] | {"Accept": "application/json"})
    assert answer.content_type == "application/xml; charset=utf-8"


def test_an_unknown_format_is_refused_in_the_format_of_accept(
    client: FlaskClient, ana: tuple[int, dict[str, str]]
) -> None:
    answer = client.get("/users/me?format=yaml", headers=ana[1] | {"Accept": "application/xml"})
    assert (answer.status_code, answer.content_type) == (422, "application/xml; charset=utf-8")
    assert etree.fromstring(answer.data).findtext("code") == "GEN_422"


def test_name_and_preferences_are_replaced_and_kept(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    _, auth = ana
    first = {"theme": "dark", "alerts": True, "limit": 120, "gain": 1.5, "one": 1.0, "big": 1e300, "tiny": -2.5e-9}
    put = client.put("/users/me", headers=auth, json={"preferences": first})
    assert put.status_code == 200
    kept = put.get_json()
    assert json.dumps(kept["preferences"], sort_keys=True) == json.dumps(first, sort_keys=True)
    assert kept["full_name"] == "Ana O'Brien & Söhne <3"
    assert client.get("/users/me", headers=auth).get_json() == kept

    put = client.put("/users/me", headers=auth, json={"full_name": None, "preferences": {"theme": "light"}})
    assert put.get_json()["full_name"] is None
    assert put.get_json()["preferences"] == {"theme": "light"}
    assert client.get("/users/me", headers=auth).get_json() == put.get_json()


def test_true_and_1_are_different_preferences(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    client.put("/users/me", headers=ana[1], json={"preferences": {"alerts": 1}})
    client.put("/users/me", headers=ana[1], json={"preferences": {"alerts": True}})
    assert client.get("/users/me", headers=ana[1]).get_json()["preferences"]["alerts"] is True


def test_a_profile_update_in_xml(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    body = (
        "<UserUpdate><full_name>Ana &lt;b&gt;</full_name>"
        '<preferences><theme>dark</theme><alerts type="boolean">true</alerts></preferences></UserUpdate>'
    )
    headers = ana[1] | XML | {"Content-Type": "text/xml; charset=utf-8"}
    answer = client.put("/users/me", headers=headers, data=body)
    assert answer.status_code == 200, answer.data
    assert etree.fromstring(answer.data).findtext("preferences/theme") == "dark"
    document = client.get("/users/me", headers=ana[1]).get_json()
    assert document["full_name"] == "Ana <b>"
    assert document["preferences"] == {"theme": "dark", "alerts": True}


def test_a_matching_etag_saves_the_body(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    tag = client.get("/users/me", headers=ana[1]).headers["ETag"]
    for listed in (tag, f'"other", {tag}', "*"):
        again = client.get("/users/me", headers=ana[1] | {"If-None-Match": listed})
        assert again.status_code == 304
        assert again.data == b""
        assert again.headers["ETag"] == tag
        assert "Content-Type" not in again.headers
    assert client.get("/users/me", headers=ana[1] | XML).headers["ETag"] == tag
    assert client.get("/users/me", headers=ana[1] | {"If-None-Match": '"other"'}).status_code == 200


def test_a_stale_etag_does_not_change_a_profile(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    old = client.get("/users/me", headers=ana[1]).headers["ETag"]
    new = client.put("/users/me", headers=ana[1] | {"If-Match": old}, json={"full_name": "A"})
    assert new.status_code == 200
    refused = client.put("/users/me", headers=ana[1] | {"If-Match": old}, json={"full_name": "B"})
    assert refused.status_code == 412
    assert refused.get_json()["error"]["code"] == "GEN_412"
    current = client.get("/users/me", headers=ana[1])
    assert current.get_json()["full_name"] == "A"
    assert current.headers["ETag"] == new.headers["ETag"]


def test_of_two_profile_updates_with_one_etag_one_succeeds(app: Flask, ana: tuple[int, dict[str, str]]) -> None:
    for attempt in range(5):
        tag = app.test_client().get("/users/me", headers=ana[1]).headers["ETag"]
        statuses: list[int] = []
        together = threading.Barrier(2)

        def update(value: str, tag: str, together: threading.Barrier, statuses: list[int]) -> None:
            together.wait()
            answer = app.test_client().put(
                "/users/me", headers=ana[1] | {"If-Match": tag}, json={"preferences": {"who": value}}
            )
            statuses.append(answer.status_code)

        names = (f"a{attempt}", f"b{attempt}")
        threads = [threading.Thread(target=update, args=(name, tag, together, statuses)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 412]


def test_a_waiting_update_sees_the_preferences_of_the_one_before(
    app: Flask, database: Database, ana: tuple[int, dict[str, str]]
) -> None:
    user_id, auth = ana
    tag = app.test_client().get("/users/me", headers=auth).headers["ETag"]
    statuses: list[int] = []

    def update() -> None:
        headers = auth | {"If-Match": tag}
        statuses.append(app.test_client().put("/users/me", headers=headers, json={"full_name": "B"}).status_code)

    with owner(database) as cursor:
        cursor.execute("SELECT FROM heartguard_core.users WHERE id = %s FOR UPDATE", (user_id,))
        cursor.execute("INSERT INTO heartguard_core.user_preferences VALUES (%s, 'k', '1', 1)", (user_id,))
        waiting = threading.Thread(target=update)
        waiting.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        blocked = 0
        with database.server.superuser(database.name) as watcher, watcher.cursor() as look:
            while not blocked:
                look.execute(waits)
                blocked = look.fetchone()[0]
    waiting.join()
    assert statuses == [412]


def test_an_update_leaves_one_event_without_personal_data(
    client: FlaskClient, database: Database, redis_url: str, org: int, ana: tuple[int, dict[str, str]]
) -> None:
    user_id, auth = ana
    headers = auth | {"X-Request-ID": "r-1"}
    client.put("/users/me", headers=headers, json={"full_name": "New Name", "preferences": {"a": "b"}})
    client.put("/users/me", headers=headers, json={"full_name": "New Name"})
    (event,) = recorded_events(database, redis_url)
    expected = {
        "kind": "change",
        "action": "user.update_self",
        "actor": f"user:{user_id}",
        "resource": f"user:{user_id}",
        "org_id": org,
        "request_id": "r-1",
        "outcome": "success",
        "payload": {"changed": "full_name,preferences"},
    }
    assert {name: event[name] for name in expected} == expected
    assert "New Name" not in json.dumps(event)


def test_a_refused_update_leaves_no_event(
    client: FlaskClient, database: Database, redis_url: str, ana: tuple[int, dict[str, str]]
) -> None:
    client.put("/users/me", headers=ana[1] | {"If-Match": '"x"'}, json={"full_name": "B"})
    client.put("/users/me", headers=ana[1], json={"full_name": 7})
    assert recorded_events(database, redis_url) == []


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_profile_needs_a_token(client: FlaskClient, method: str) -> None:
    for accept, start in (("application/json", b"{"), ("application/xml", b"<")):
        answer = client.open("/users/me", method=method, headers={"Accept": accept}, json={})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.data.lstrip().startswith(start)


def test_operator_and_services_have_no_profile(client: FlaskClient) -> None:
    for auth in (operator_auth(), service_auth("auth")):
        assert client.get("/users/me", headers=auth).status_code == 403


def test_forged_and_expired_tokens_are_refused(client: FlaskClient, org: int, ana: tuple[int, dict[str, str]]) -> None:
    user_id, _ = ana
    bad = [
        token_for(user_id, "user", org, secret="x" + JWT_SECRET[1:]),
        token_for(user_id, "user", org, lifetime=-10),
        token_for(user_id, "root", org),
        "not-a-token",
    ]
    for token in bad:
        answer = client.get("/users/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.get_json()["error"]["code"] == "GEN_401_TOKEN"


def test_a_revoked_session_ends_at_once(
    client: FlaskClient, redis_url: str, org: int, ana: tuple[int, dict[str, str]]
) -> None:
    auth = bearer(ana[0], "user", org, sid="0198c1d2-0000-7000-8000-000000000001")
    assert client.get("/users/me", headers=auth).status_code == 200
    with redis.Redis.from_url(redis_url) as store:
        store.set("hg:rev:sid:0198c1d2-0000-7000-8000-000000000001", "1")
    assert client.get("/users/me", headers=auth).status_code == 401


def test_with_a_redis_that_lost_its_data_no_token_is_accepted(
    client: FlaskClient, redis_url: str, ana: tuple[int, dict[str, str]]
) -> None:
    with redis.Redis.from_url(redis_url) as store:
        store.flushall()
    assert client.get("/users/me", headers=ana[1]).status_code == 503


def test_a_deleted_account_is_refused(client: FlaskClient, database: Database, ana: tuple[int, dict[str, str]]) -> None:
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET deleted_at = now() WHERE id = %s", (ana[0],))
    assert client.get("/users/me", headers=ana[1]).get_json()["error"]["code"] == "USER_001"
    assert client.put("/users/me", headers=ana[1], json={"full_name": "B"}).status_code == 401


MALFORMED = [
    (b"{", "application/json"),
    (b'{"full_name": "a", "full_name": "b"}', "application/json"),
    (b"", "application/json"),
    (b"<UserUpdate>", "application/xml"),
    (b'<!DOCTYPE x [<!ENTITY e "e">]><UserUpdate><full_name>&e;</full_name></UserUpdate>', "text/xml"),
]


@pytest.mark.parametrize(("body", "content_type"), MALFORMED)
def test_malformed_profile_updates_are_refused(
    client: FlaskClient, ana: tuple[int, dict[str, str]], body: bytes, content_type: str
) -> None:
    answer = client.put("/users/me", headers=ana[1] | {"Content-Type": content_type}, data=body)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "GEN_400"


AGAINST = [
    ('{"full_name": 7}', "application/json", "/full_name"),
    ('{"role": "admin"}', "application/json", "/role"),
    ('{"preferences": {"1x": 1}}', "application/json", "/preferences/1x"),
    ('{"preferences": {"a": [1]}}', "application/json", "/preferences/a"),
    ("<UserUpdate><role>admin</role></UserUpdate>", "application/xml", "/role"),
    ("<UserUpdate><full_name></full_name></UserUpdate>", "application/xml", "/full_name"),
]


@pytest.mark.parametrize(("body", "content_type", "path"), AGAINST)
def test_an_invalid_profile_update_is_refused(
    client: FlaskClient, ana: tuple[int, dict[str, str]], body: str, content_type: str, path: str
) -> None:
    answer = client.put("/users/me", headers=ana[1] | {"Content-Type": content_type}, data=body)
    assert answer.status_code == 422
    error = answer.get_json()["error"]
    assert error["code"] == "GEN_422"
    assert [fault["path"] for fault in error["details"]] == [path]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=latin-1"])
def test_other_content_types_are_refused(
    client: FlaskClient, ana: tuple[int, dict[str, str]], content_type: str | None
) -> None:
    headers = ana[1] | ({"Content-Type": content_type} if content_type else {})
    assert client.put("/users/me", headers=headers, data="{}").status_code == 415


def test_an_unacceptable_format_is_answered_in_json(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    answer = client.get("/users/me", headers=ana[1] | {"Accept": "image/png"})
    assert answer.status_code == 406
    assert answer.get_json()["error"]["code"] == "GEN_406"


def test_errors_follow_accept(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    answer = client.put("/users/me", headers=ana[1] | XML, json={"full_name": 7})
    root = etree.fromstring(answer.data)
    assert (root.tag, root.findtext("code")) == ("Error", "GEN_422")
    assert root.findtext("details/detail/path") == "/full_name"
    assert root.findtext("request_id") == answer.headers["X-Request-ID"]


def test_an_unknown_method_of_a_profile_is_405(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    answer = client.delete("/users/me", headers=ana[1] | XML)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "PUT"}
    assert etree.fromstring(answer.data).findtext("code") == "GEN_405"


def test_head_has_the_headers_of_get(client: FlaskClient, ana: tuple[int, dict[str, str]]) -> None:
    answer = client.head("/users/me", headers=ana[1])
    assert answer.status_code == 200
    assert answer.data == b""
    assert answer.headers["ETag"] == client.get("/users/me", headers=ana[1]).headers["ETag"]
