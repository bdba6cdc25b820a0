"""The rules of users, on paper: no database, no network."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from heartguard_common.errors import PRECONDITION_FAILED, ServiceError
from heartguard_common.identity import Principal
from heartguard_user.domain import Filter, User, changed_members, settled
from heartguard_user.usecases import UserUseCases

ANN = User(
    id=12,
    email="ann@clinic.example",
    full_name="Ann",
    role="user",
    org_id=3,
    active=True,
    created_at="2026-01-01T00:00:00Z",
    preferences={"a": 1, "b": "x"},
)
CALLER = Principal(kind="person", role="user", user_id=12, org_id=3)
SERVICE = Principal(kind="service", role="service", name="organization")


class Users:
    """Users in memory."""

    def __init__(self) -> None:
        self.kept = {(3, 12): ANN}
        self.things = {(3, 12): 2, (3, 13): 1}

    def find(self, org_id: int, user_id: int) -> User | None:
        return self.kept.get((org_id, user_id))

    def change(self, org_id: int, user_id: int, decide: Callable[[User], User]) -> tuple[User, User] | None:
        before = self.kept.get((org_id, user_id))
        if before is None:
            return None
        self.kept[org_id, user_id] = decide(before)
        return before, self.kept[org_id, user_id]

    def list(self, org_id: int, wanted: Filter, after_id: int, limit: int) -> Sequence[User]:
        members = [user for (org, number), user in self.kept.items() if org == org_id and number > after_id]
        return [user for user in members if wanted.role in (None, user.role)][:limit]

    def erase(self, org_id: int, user_id: int | None) -> int:
        gone = [key for key in self.things if key[0] == org_id and user_id in (None, key[1])]
        return sum(self.things.pop(key) for key in gone)


class Trail:
    """An audit trail that is a list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, Any, Any]] = []

    def changed(self, actor: Principal | None, action: str, resource: str, **more: Any) -> Any:
        who = actor.actor if actor else ""
        self.events.append((who, action, resource, more.get("org_id"), more.get("payload")))


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def users() -> Users:
    return Users()


@pytest.fixture
def verbs(users: Users, trail: Trail) -> UserUseCases:
    return UserUseCases(users, trail)


def accept(_: User) -> None:
    """No precondition."""


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (2**53 + 1, "9007199254740992.0"),
        (10**22, "1e+22"),
        (True, "true"),
        (1.0, "1.0"),
        ("12345678901234567890", '"12345678901234567890"'),
    ],
)
def test_numbers_are_kept_as_all_readers_of_json_understand_them(sent: Any, kept: str) -> None:
    assert json.dumps(settled(sent)) == kept
    assert json.dumps(ANN.with_changes({"preferences": {"k": sent}}).preferences["k"]) == kept


def test_what_is_missing_stays_and_preferences_are_replaced_as_a_whole() -> None:
    assert ANN.with_changes({}) == ANN
    assert ANN.with_changes({"preferences": {}}).preferences == {}
    renamed = ANN.with_changes({"full_name": None})
    assert (renamed.full_name, renamed.preferences) == (None, ANN.preferences)


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({}, []),
        ({"full_name": "Ann", "preferences": {"a": 1, "b": "x"}}, []),
        ({"full_name": "ann"}, ["full_name"]),
        ({"preferences": {"a": True, "b": "x"}}, ["preferences"]),
        ({"preferences": {"a": 1.0, "b": "x"}}, ["preferences"]),
        ({"preferences": {"b": "x", "a": 1}}, ["preferences"]),
        ({"full_name": None, "preferences": {}}, ["full_name", "preferences"]),
    ],
)
def test_what_counts_as_a_change(changes: dict[str, Any], changed: list[str]) -> None:
    assert changed_members(ANN, ANN.with_changes(changes)) == changed


def test_an_update_is_audited_by_the_names_of_what_changed(verbs: UserUseCases, trail: Trail) -> None:
    assert verbs.update_self(CALLER, {"full_name": "Ann Smith"}, accept).full_name == "Ann Smith"
    verbs.update_self(CALLER, {"full_name": "Ann Smith"}, accept)
    assert trail.events == [("user:12", "user.update_self", "user:12", None, {"changed": "full_name"})]


def test_a_check_that_raises_changes_nothing(verbs: UserUseCases, users: Users, trail: Trail) -> None:
    def refuse(current: User) -> None:
        assert current == ANN
        raise ServiceError(PRECONDITION_FAILED)

    with pytest.raises(ServiceError):
        verbs.update_self(CALLER, {"full_name": "X"}, refuse)
    assert (users.kept[3, 12], trail.events) == (ANN, [])


def test_nobody_is_found_outside_their_organization(verbs: UserUseCases) -> None:
    stranger = dataclasses.replace(CALLER, org_id=4)
    calls: list[Callable[[], object]] = [
        lambda: verbs.read(stranger, 12),
        lambda: verbs.read_self(stranger),
        lambda: verbs.update_self(stranger, {"full_name": "X"}, accept),
        lambda: verbs.read(CALLER, 13),
        lambda: verbs.read(SERVICE, 12),
        lambda: verbs.read_self(SERVICE),
    ]
    for call in calls:
        with pytest.raises(ServiceError) as caught:
            call()
        assert caught.value.row.code == "USER_001"
    assert verbs.list(stranger, Filter(), 0, 10) == []
    assert verbs.list(CALLER, Filter(), 0, 10) == [ANN]
    assert verbs.list(CALLER, Filter(role="admin"), 0, 10) == []


def test_an_erasure_is_audited_where_it_removed_something(verbs: UserUseCases, trail: Trail) -> None:
    assert [verbs.erase(SERVICE, 3, None), verbs.erase(SERVICE, 3, None)] == [3, 0]
    event = ("service:organization", "user.erase", "organization:3", 3, {"removed": 3})
    assert trail.events == [event]


def test_an_erasure_of_one_is_named_by_that_one(verbs: UserUseCases, trail: Trail) -> None:
    assert verbs.erase(SERVICE, 3, 12) == 2
    assert trail.events == [("service:organization", "user.erase", "user:12", 3, {"removed": 2})]
