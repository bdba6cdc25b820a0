"""What no longer counts is refused within a second, at the gateway and at a service called directly."""

import json
import threading
import time
from collections.abc import Callable

import pytest

from tests.protection.stack import JSON, PASSWORD, Person, ProtectedStack

ASKED = (("gateway", "/users/me"), ("user", "/users/me"), ("organization", "/organization"), ("auth", "/auth/profile"))
End = Callable[[ProtectedStack, Person], object]


def status(stack: ProtectedStack, entry_point: str, path: str, person: Person) -> int:
    return stack.entry_points[entry_point].ask("GET", path, person.bearer).status


def logout(stack: ProtectedStack, person: Person) -> None:
    assert stack.post("/auth/logout", {"scope": "this"}, person.bearer).status == 204


def password_change_elsewhere(stack: ProtectedStack, person: Person) -> None:
    other = stack.log_in(person.email)
    body = {"current_password": PASSWORD, "new_password": "a better one 2"}
    headers = {"Authorization": f"Bearer {other['access_token']}"}
    assert stack.post("/auth/password", body, headers).status == 204


def reset_by_code(stack: ProtectedStack, person: Person) -> None:
    code = stack.post("/auth/password/code", {"user_id": person.user_id}, person.bearer).json["code"]
    assert stack.post("/auth/password/reset", {"code": code, "new_password": "a better one 2"}).status == 204


def ended_elsewhere(stack: ProtectedStack, person: Person) -> None:
    other = {"Authorization": f"Bearer {stack.log_in(person.email)['access_token']}"}
    items = stack.entry_points["gateway"].ask("GET", "/auth/sessions", other).json["items"]
    id_of_it = next(item["id"] for item in items if not item["current"])
    assert stack.entry_points["gateway"].ask("DELETE", f"/auth/sessions/{id_of_it}", other).status == 204


def ended_by_an_admin(stack: ProtectedStack, person: Person) -> None:
    path = f"/auth/members/{person.user_id}/sessions"
    answer = stack.entry_points["gateway"].ask("DELETE", path, ADMINS[person.email])
    assert answer.json == {"sessions_ended": 1}


def administered(**change: object) -> End:
    def by_admin(stack: ProtectedStack, person: Person) -> None:
        path = f"/users/{person.user_id}"
        headers = {**ADMINS[person.email], "Content-Type": JSON}
        answer = stack.entry_points["gateway"].ask("PATCH", path, headers, json.dumps(change).encode())
        assert answer.status == 200, answer.body

    return by_admin


ADMINS: dict[str, dict[str, str]] = {}
ENDS: dict[str, End] = {
    "logout": logout,
    "password change": password_change_elsewhere,
    "password reset": reset_by_code,
    "session ended": ended_elsewhere,
    "sessions ended by an admin": ended_by_an_admin,
    "disabled": administered(active=False),
    "role change": administered(role="manager"),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_next_request_with_an_ended_token_is_refused_at_every_entry_point(
    protected_stack: ProtectedStack, how: str
) -> None:
    stack, name = protected_stack, how.replace(" ", ".")
    admin = stack.found(f"boss.{name}")
    # A code is the admin's to give: that one resets their own.
    person = admin if how == "password reset" else stack.join(admin, "user", f"member.{name}")
    ADMINS[person.email] = admin.bearer
    assert [status(stack, entry_point, path, person) for entry_point, path in ASKED] == [200] * len(ASKED)
    ENDS[how](stack, person)
    found = [status(stack, entry_point, path, person) for entry_point, path in ASKED]
    assert found == [401] * len(ASKED)
    assert stack.refresh(person.refresh_token).status == 401


def test_a_redis_flushed_under_load_revives_no_token(protected_stack: ProtectedStack) -> None:
    gone, stays = protected_stack.found("gone"), protected_stack.found("stays")
    logout(protected_stack, gone)
    stop = threading.Event()
    seen: dict[str, set[int]] = {"gone": set(), "stays": set()}

    def load(name: str, person: Person) -> None:
        while not stop.is_set():
            seen[name] |= {status(protected_stack, entry_point, path, person) for entry_point, path in ASKED[:2]}

    threads = [threading.Thread(target=load, args=args) for args in (("gone", gone), ("stays", stays)) * 2]
    for thread in threads:
        thread.start()
    with protected_stack.valkey.client() as redis:
        for _ in range(20):
            redis.flushall()
            time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {"gone": {401}, "stays": {200}}


def test_a_hanging_redis_revives_no_token(protected_stack: ProtectedStack) -> None:
    gone, stays = protected_stack.found("gone2"), protected_stack.found("stays2")
    logout(protected_stack, gone)
    protected_stack.valkey.freeze()
    try:
        for person, expected in ((gone, 401), (stays, 200)):
            assert status(protected_stack, "user", "/users/me", person) == expected
    finally:
        protected_stack.valkey.thaw()
    assert status(protected_stack, "gateway", "/users/me", gone) == 401
