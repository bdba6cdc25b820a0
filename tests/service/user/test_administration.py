"""PATCH /users/{user_id}, with a real auth service that carries out the change."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree
from redis import Redis

from heartguard_common.audit.events import STREAM
from tests.people import found, join, owner
from tests.running_services import RunningServices, running_services
from tests.servers import Database
from tests.tokens import bearer, service_auth

XML = {"Accept": "application/xml", "Content-Type": "application/xml"}
PASSWORD = "a long enough password"


@pytest.fixture
def stack(database: Database, redis_url: str) -> Iterator[RunningServices]:
    with running_services(database, redis_url, "auth", "user") as running:
        yield running


@pytest.fixture
def client(stack: RunningServices) -> FlaskClient:
    return stack.client("user")


class Clinic:
    """An organization whose members can log in."""

    def __init__(self, stack: RunningServices) -> None:
        self.stack = stack
        made = self.register("root@clinic.example", organization_name="Clinic")
        self.org, self.admin_id = made["org_id"], made["user_id"]
        self.admin = self.login("root@clinic.example")
        self.ann_id = self.register("ann@clinic.example", self.admin, role="user")["user_id"]
        self.ann = self.login("ann@clinic.example")

    def register(self, email: str, headers: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
        body = {"email": email, "password": PASSWORD, **more}
        answer = self.stack.client("auth").post("/auth/register", json=body, headers=headers)
        assert answer.status_code == 201, answer.data
        return dict(answer.get_json())

    def try_login(self, email: str) -> Any:
        return self.stack.client("auth").post("/auth/login", json={"email": email, "password": PASSWORD})

    def login(self, email: str) -> dict[str, str]:
        answer = self.try_login(email)
        assert answer.status_code == 200, answer.data
        return {"Authorization": "Bearer " + answer.get_json()["access_token"]}


@pytest.fixture
def clinic(stack: RunningServices) -> Clinic:
    return Clinic(stack)


def patch(client: FlaskClient, who: dict[str, str], user_id: int, document: dict[str, Any], **headers: str) -> Any:
    return client.patch(f"/users/{user_id}", json=document, headers={**who, **headers})


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]["code"]


def standing(database: Database, user_id: int) -> tuple[str, bool]:
    with owner(database) as cursor:
        cursor.execute("SELECT role, active FROM heartguard_core.users WHERE id = %s", (user_id,))
        row: tuple[str, bool] = cursor.fetchone()
        return row


def test_a_new_role_takes_effect_at_every_service_at_once(client: FlaskClient, clinic: Clinic) -> None:
    answer = patch(client, clinic.admin, clinic.ann_id, {"role": "manager"})
    assert answer.status_code == 200
    assert (answer.get_json()["role"], answer.get_json()["id"]) == ("manager", clinic.ann_id)
    assert answer.headers["Cache-Control"] == "no-store"
    read = client.get(f"/users/{clinic.ann_id}", headers=clinic.admin)
    assert read.headers["ETag"] == answer.headers["ETag"]
    for name, path in (("user", "/users/me"), ("auth", "/auth/profile")):
        assert clinic.stack.client(name).get(path, headers=clinic.ann).status_code == 401
    again = clinic.login("ann@clinic.example")
    assert client.get("/users", headers=again).status_code == 200


def test_a_deactivated_member_cannot_act_log_in_or_refresh(client: FlaskClient, clinic: Clinic) -> None:
    pair = clinic.try_login("ann@clinic.example").get_json()
    assert patch(client, clinic.admin, clinic.ann_id, {"active": False}).get_json()["active"] is False
    assert client.get("/users/me", headers=clinic.ann).status_code == 401
    auth = clinic.stack.client("auth")
    assert auth.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401
    assert clinic.try_login("ann@clinic.example").status_code == 401
    asked = auth.post("/auth/token/introspect", json={"token": pair["access_token"]}, headers=service_auth("gateway"))
    assert asked.get_json() == {"active": False}
    assert patch(client, clinic.admin, clinic.ann_id, {"active": True}).status_code == 200
    clinic.login("ann@clinic.example")


def test_membership_changes_in_xml(client: FlaskClient, clinic: Clinic) -> None:
    body = "<UserAdminUpdate><active>false</active><role>manager</role></UserAdminUpdate>"
    answer = client.patch(f"/users/{clinic.ann_id}", data=body, headers=clinic.admin | XML)
    root = etree.fromstring(answer.data)
    assert (root.tag, root.findtext("role"), root.findtext("active")) == ("User", "manager", "false")


def test_a_stale_etag_does_not_change_a_member(client: FlaskClient, clinic: Clinic, database: Database) -> None:
    seen = client.get(f"/users/{clinic.ann_id}", headers=clinic.admin).headers["ETag"]
    assert client.put("/users/me", json={"full_name": "Ann"}, headers=clinic.ann).status_code == 200
    answer = patch(client, clinic.admin, clinic.ann_id, {"role": "admin"}, **{"If-Match": seen})
    assert code(answer) == (412, "GEN_412")
    assert standing(database, clinic.ann_id) == ("user", True)
    fresh = client.get(f"/users/{clinic.ann_id}", headers=clinic.admin).headers["ETag"]
    assert patch(client, clinic.admin, clinic.ann_id, {"role": "admin"}, **{"If-Match": fresh}).status_code == 200
    assert code(patch(client, clinic.admin, clinic.ann_id, {"role": "user"}, **{"If-Match": fresh})) == (412, "GEN_412")


def test_of_two_membership_changes_with_one_etag_one_is_412(client: FlaskClient, clinic: Clinic) -> None:
    tag = client.get(f"/users/{clinic.ann_id}", headers=clinic.admin).headers["ETag"]
    app, barrier = clinic.stack.apps["user"], threading.Barrier(2)

    def change(role: str) -> int:
        barrier.wait(20)
        return patch(app.test_client(), clinic.admin, clinic.ann_id, {"role": role}, **{"If-Match": tag}).status_code

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(change, ["manager", "admin"])) == [200, 412]


def test_the_last_admin_cannot_be_demoted(client: FlaskClient, clinic: Clinic, database: Database) -> None:
    for change in ({"role": "user"}, {"active": False}, {"role": "manager", "active": True}):
        assert code(patch(client, clinic.admin, clinic.admin_id, change)) == (409, "USER_002")
    assert standing(database, clinic.admin_id) == ("admin", True)
    assert client.get("/users/me", headers=clinic.admin).status_code == 200
    assert patch(client, clinic.admin, clinic.admin_id, {"role": "admin", "active": True}).status_code == 200
    join(database, clinic.org, "admin", active=False)
    assert code(patch(client, clinic.admin, clinic.admin_id, {"role": "user"})) == (409, "USER_002")
    join(database, clinic.org, "admin")
    assert patch(client, clinic.admin, clinic.admin_id, {"role": "user"}).status_code == 200


@pytest.mark.parametrize("change", [{"role": "user"}, {"active": False}])
def test_two_admins_who_demote_each_other_leave_one_admin(
    clinic: Clinic, database: Database, change: dict[str, Any]
) -> None:
    app = clinic.stack.apps["user"]
    for _ in range(5):
        org = found(database)
        pair = [join(database, org, "admin") for _ in range(2)]
        barrier = threading.Barrier(2)

        def put_down(who: int, whom: int, org: int = org, barrier: threading.Barrier = barrier) -> int:
            headers = bearer(who, "admin", org)
            barrier.wait(20)
            return patch(app.test_client(), headers, whom, change).status_code

        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(put_down, pair, pair[::-1]))
        assert sorted(answers) == [200, 401], "who was put down first is no admin any more"
        assert [standing(database, user) for user in pair].count(("admin", True)) == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"role": "root"}, "/role"),
        ({"active": "yes"}, "/active"),
        ({"email": "x@y.io"}, "/email"),
        ({"org_id": 2}, "/org_id"),
        ({"full_name": "X"}, "/full_name"),
    ],
)
def test_an_invalid_membership_change_is_refused(client: FlaskClient, clinic: Clinic, body: Any, path: str) -> None:
    answer = patch(client, clinic.admin, clinic.ann_id, body)
    assert code(answer) == (422, "GEN_422")
    assert [fault["path"] for fault in answer.get_json()["error"]["details"]] == [path]


def test_only_an_admin_of_the_organization_can_change_members(
    client: FlaskClient, clinic: Clinic, database: Database
) -> None:
    other = found(database, "Other")
    stranger = join(database, other, "admin")
    for role in ("manager", "user"):
        member = join(database, clinic.org, role)
        assert code(patch(client, bearer(member, role, clinic.org), member, {"role": "admin"})) == (403, "GEN_403")
    assert code(patch(client, bearer(stranger, "admin", other), clinic.ann_id, {"active": False})) == (404, "USER_001")
    assert code(patch(client, clinic.admin, 999_999_999, {"active": False})) == (404, "USER_001")
    assert standing(database, clinic.ann_id) == ("user", True)


def test_without_auth_nothing_is_changed_or_confirmed(client: FlaskClient, clinic: Clinic, database: Database) -> None:
    clinic.stack.closed.add("auth")
    assert code(patch(client, clinic.admin, clinic.ann_id, {"active": False})) == (502, "GEN_502")
    assert standing(database, clinic.ann_id) == ("user", True)


def test_auth_accepts_membership_changes_from_the_user_service_only(clinic: Clinic, database: Database) -> None:
    change = {"org_id": clinic.org, "user_id": clinic.ann_id, "seen_role": "user", "seen_active": True}
    change |= {"role": "admin", "active": True, "actor_id": clinic.admin_id, "actor_role": "admin"}
    auth = clinic.stack.client("auth")
    for who in (service_auth("media"), clinic.admin):
        assert auth.post("/auth/memberships", json=change, headers=who).status_code == 403
    assert auth.post("/auth/memberships", json=change).status_code == 401
    for wrong in ({"seen_role": "manager"}, {"seen_active": False}, {"org_id": 999}, {"user_id": 999}):
        answer = auth.post("/auth/memberships", json=change | wrong, headers=service_auth("user"))
        assert code(answer) == (412, "AUTH_031")
    for wrong in ({"actor_id": clinic.ann_id}, {"actor_role": "manager"}, {"actor_id": 999}):
        answer = auth.post("/auth/memberships", json=change | wrong, headers=service_auth("user"))
        assert code(answer) == (409, "AUTH_032")
    assert standing(database, clinic.ann_id) == ("user", True)
    answer = auth.post("/auth/memberships", json=change, headers=service_auth("user"))
    assert answer.get_json() == {"sessions_ended": 1}


def test_the_trace_reaches_the_other_service_and_the_event(
    stack: RunningServices, client: FlaskClient, clinic: Clinic, redis_url: str
) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    stack.traces.clear()
    sent_on = {**clinic.admin, "traceparent": f"00-{trace}-{parent}-01"}
    # a context of its own: the client is in this thread, which would go on under the trace
    answer = copy_context().run(patch, client, sent_on, clinic.ann_id, {"role": "manager"})
    assert answer.status_code == 200, answer.data
    sent = [line.split("-") for line in stack.traces if line]
    assert sent
    assert {(version, found, flags) for version, found, _, flags in sent} == {("00", trace, "01")}
    assert parent not in {span for _, _, span, _ in sent}
    with closing(Redis.from_url(redis_url)) as redis:
        events = [json.loads(entry[b"event"]) for _, entry in redis.xrange(STREAM)]
    mine = [event["payload"] for event in events if event["request_id"] == answer.headers["X-Request-ID"]]
    assert mine
    assert {payload["trace_id"] for payload in mine} == {trace}
