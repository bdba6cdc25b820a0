"""What no longer counts is refused within a second, at the gateway and at a service called directly."""

import json
import threading
import time
from collections.abc import Callable

import pytest

from tests.protection.house import JSON, PASSWORD, Person, ProtectedHouse

ASKED = (("gateway", "/users/me"), ("user", "/users/me"), ("organization", "/organization"), ("auth", "/auth/profile"))
End = Callable[[ProtectedHouse, Person], object]


def status(house: ProtectedHouse, door: str, path: str, person: Person) -> int:
    return house.doors[door].ask("GET", path, person.bearer).status


def logout(house: ProtectedHouse, person: Person) -> None:
    assert house.post("/auth/logout", {"scope": "this"}, person.bearer).status == 204


def password_change_elsewhere(house: ProtectedHouse, person: Person) -> None:
    other = house.log_in(person.email)
    body = {"current_password": PASSWORD, "new_password": "a better one 2"}
    headers = {"Authorization": f"Bearer {other['access_token']}"}
    assert house.post("/auth/password", body, headers).status == 204


def reset_by_code(house: ProtectedHouse, person: Person) -> None:
    code = house.post("/auth/password/code", {"user_id": person.user_id}, person.bearer).json["code"]
    assert house.post("/auth/password/reset", {"code": code, "new_password": "a better one 2"}).status == 204


def ended_elsewhere(house: ProtectedHouse, person: Person) -> None:
    other = {"Authorization": f"Bearer {house.log_in(person.email)['access_token']}"}
    items = house.doors["gateway"].ask("GET", "/auth/sessions", other).json["items"]
    id_of_it = next(item["id"] for item in items if not item["current"])
    assert house.doors["gateway"].ask("DELETE", f"/auth/sessions/{id_of_it}", other).status == 204


def administered(**change: object) -> End:
    def by_admin(house: ProtectedHouse, person: Person) -> None:
        path = f"/users/{person.user_id}"
        headers = {**ADMINS[person.email], "Content-Type": JSON}
        answer = house.doors["gateway"].ask("PATCH", path, headers, json.dumps(change).encode())
        assert answer.status == 200, answer.body

    return by_admin


ADMINS: dict[str, dict[str, str]] = {}
ENDS: dict[str, End] = {
    "logout": logout,
    "password change": password_change_elsewhere,
    "password reset": reset_by_code,
    "session ended": ended_elsewhere,
    "disabled": administered(active=False),
    "role change": administered(role="manager"),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_next_request_with_an_ended_token_is_refused_at_every_door(
    protected_house: ProtectedHouse, how: str
) -> None:
    house, name = protected_house, how.replace(" ", ".")
    admin = house.found(f"boss.{name}")
    # A code is the admin's to give: that one resets their own.
    person = admin if how == "password reset" else house.join(admin, "user", f"member.{name}")
    ADMINS[person.email] = admin.bearer
    assert [status(house, door, path, person) for door, path in ASKED] == [200] * len(ASKED)
    ENDS[how](house, person)
    found = [status(house, door, path, person) for door, path in ASKED]
    assert found == [401] * len(ASKED)
    assert house.refresh(person.refresh_token).status == 401


def test_a_redis_flushed_under_load_revives_no_token(protected_house: ProtectedHouse) -> None:
    gone, stays = protected_house.found("gone"), protected_house.found("stays")
    logout(protected_house, gone)
    stop = threading.Event()
    seen: dict[str, set[int]] = {"gone": set(), "stays": set()}

    def load(name: str, person: Person) -> None:
        while not stop.is_set():
            seen[name] |= {status(protected_house, door, path, person) for door, path in ASKED[:2]}

    threads = [threading.Thread(target=load, args=args) for args in (("gone", gone), ("stays", stays)) * 2]
    for thread in threads:
        thread.start()
    with protected_house.valkey.client() as redis:
        for _ in range(20):
            redis.flushall()
            time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {"gone": {401}, "stays": {200}}


def test_a_hung_redis_revives_nothing(protected_house: ProtectedHouse) -> None:
    gone, stays = protected_house.found("gone2"), protected_house.found("stays2")
    logout(protected_house, gone)
    protected_house.valkey.freeze()
    try:
        for person, expected in ((gone, 401), (stays, 200)):
            assert status(protected_house, "user", "/users/me", person) == expected
    finally:
        protected_house.valkey.thaw()
    assert status(protected_house, "gateway", "/users/me", gone) == 401
