"""The rules of users, without database and network."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import pytest

from heartguard_common.core.errors import PRECONDITION_FAILED, ServiceCallError, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.engine import JobRunner
from heartguard_common.jobs.erasures import Erasure
from heartguard_user.domain import STEPS, Filter, User, changed_members, stored_form
from heartguard_user.errors import LAST_ADMIN
from heartguard_user.usecases import DELETION, Deletions, UserUseCases
from tests.clocks import MovableClock
from tests.fakes.authority import KnownPeople
from tests.fakes.jobs import MemoryJobs

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
ADMIN = Principal(kind="person", role="admin", user_id=1, org_id=3)
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

    def is_last_admin(self, org_id: int, user_id: int) -> bool:
        members = [user for (org, _), user in self.kept.items() if org == org_id]
        admins = [user.id for user in members if user.role == "admin" and user.active]
        return admins == [user_id] and len(members) > 1


class Memberships:
    """A fake of auth: the member has changed `stale` times, then the change succeeds."""

    def __init__(self, users: Users) -> None:
        self.users = users
        self.stale = 0
        self.refusal: ServiceError | None = None
        self.calls: list[tuple[User, User]] = []

    def change(self, _: Principal, seen: User, wanted: User) -> bool:
        self.calls.append((seen, wanted))
        if self.refusal:
            raise self.refusal
        self.stale -= 1
        if self.stale >= 0:
            return False
        self.users.kept[seen.org_id, seen.id] = wanted
        return True


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
def memberships(users: Users) -> Memberships:
    return Memberships(users)


@pytest.fixture
def verbs(users: Users, memberships: Memberships, trail: Trail) -> UserUseCases:
    return UserUseCases(users, memberships, KnownPeople(), trail, nullcontext)


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
def test_numbers_are_stored_as_all_json_readers_understand_them(sent: Any, kept: str) -> None:
    assert json.dumps(stored_form(sent)) == kept
    assert json.dumps(ANN.with_changes({"preferences": {"k": sent}}).preferences["k"]) == kept


def test_absent_members_stay_and_preferences_are_replaced_as_a_whole() -> None:
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
def test_equal_values_are_no_change(changes: dict[str, Any], changed: list[str]) -> None:
    assert changed_members(ANN, ANN.with_changes(changes)) == changed


def test_an_update_is_audited_with_the_names_of_changed_members(verbs: UserUseCases, trail: Trail) -> None:
    assert verbs.update_self(CALLER, {"full_name": "Ann Smith"}, accept).full_name == "Ann Smith"
    verbs.update_self(CALLER, {"full_name": "Ann Smith"}, accept)
    assert trail.events == [("user:12", "user.update_self", "user:12", None, {"changed": "full_name"})]


def test_a_failed_check_does_not_change_a_profile(verbs: UserUseCases, users: Users, trail: Trail) -> None:
    def refuse(current: User) -> None:
        assert current == ANN
        raise ServiceError(PRECONDITION_FAILED)

    with pytest.raises(ServiceError):
        verbs.update_self(CALLER, {"full_name": "X"}, refuse)
    assert (users.kept[3, 12], trail.events) == (ANN, [])


def test_no_member_is_found_outside_of_their_organization(verbs: UserUseCases) -> None:
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
        assert caught.value.error_code.code == "USER_001"
    assert verbs.list(stranger, Filter(), 0, 10) == []
    assert verbs.list(CALLER, Filter(), 0, 10) == [ANN]
    assert verbs.list(CALLER, Filter(role="admin"), 0, 10) == []


def test_an_erasure_is_audited_when_it_removed_something(verbs: UserUseCases, trail: Trail) -> None:
    assert [verbs.erase(SERVICE, 3, None), verbs.erase(SERVICE, 3, None)] == [3, 0]
    event = ("service:organization", "user.erase", "organization:3", 3, {"removed": 3})
    assert trail.events == [event]


def test_an_erasure_of_one_person_names_that_person(verbs: UserUseCases, trail: Trail) -> None:
    assert verbs.erase(SERVICE, 3, 12) == 2
    assert trail.events == [("service:organization", "user.erase", "user:12", 3, {"removed": 2})]


def test_an_admin_changes_a_member_and_both_values_are_recorded(
    verbs: UserUseCases, trail: Trail, memberships: Memberships
) -> None:
    changed = verbs.administer(ADMIN, 12, {"role": "manager", "active": False}, accept)
    assert changed == dataclasses.replace(ANN, role="manager", active=False)
    payload = {"role_before": "user", "role_after": "manager", "active_before": True, "active_after": False}
    assert trail.events == [("user:1", "user.administer", "user:12", None, payload)]
    assert verbs.administer(ADMIN, 12, {"role": "manager"}, accept) == changed
    assert verbs.administer(ADMIN, 12, {}, accept) == changed
    assert (len(trail.events), len(memberships.calls)) == (1, 1)


def test_a_change_that_lost_a_race_is_decided_again(verbs: UserUseCases, memberships: Memberships) -> None:
    memberships.stale = 2
    checked: list[User] = []
    assert verbs.administer(ADMIN, 12, {"active": False}, checked.append).active is False
    assert (len(memberships.calls), len(checked)) == (3, 3)
    memberships.stale = 99
    with pytest.raises(ServiceError) as caught:
        verbs.administer(ADMIN, 12, {"active": True}, accept)
    assert caught.value.error_code.code == "USER_004"


def test_a_refused_change_leaves_no_event(verbs: UserUseCases, memberships: Memberships, trail: Trail) -> None:
    memberships.refusal = ServiceError(LAST_ADMIN)
    with pytest.raises(ServiceError):
        verbs.administer(ADMIN, 12, {"role": "manager"}, accept)
    assert trail.events == []


class Deleting:
    """Deletions with their dependencies; `fault` is the error of auth."""

    def __init__(self, users: Users, trail: Trail) -> None:
        self.jobs, self.clock, self.woken = MemoryJobs(), MovableClock(), 0
        self.fault: Exception | None = None
        erasers: dict[str, Any] = {step.eraser: lambda *_: None for step in STEPS}
        runner = JobRunner(
            DELETION, self.jobs, Erasure(STEPS, erasers | {"auth": self._auth}, self.clock), lambda _: None, self.clock
        )
        self.verbs = Deletions(users, self.jobs, runner, KnownPeople(), trail, self.clock, self._wake)
        self.runner = runner

    def _auth(self, *_: Any) -> None:
        if self.fault:
            raise self.fault

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def deleting(users: Users, trail: Trail) -> Deleting:
    return Deleting(users, trail)


def test_the_first_step_of_a_deletion_runs_at_once_and_the_rest_later(deleting: Deleting, trail: Trail) -> None:
    job = deleting.verbs.request(CALLER, 12)
    assert (job.status, job.progress, job.user_id, deleting.woken) == ("running", STEPS[0].progress, 12, 1)
    assert trail.events == [("user:12", "user.delete", "user:12", None, {"job": job.id})]
    assert deleting.verbs.request(ADMIN, 12).id == job.id
    assert len(trail.events) == 1
    deleting.clock.forward(5)
    deleting.runner.run()
    assert deleting.verbs.read(ADMIN, job.id).status == "done"


def test_an_unreachable_auth_is_waited_for(deleting: Deleting) -> None:
    deleting.fault = ServiceCallError()
    job = deleting.verbs.request(CALLER, 12)
    assert (job.status, job.progress, job.error) == ("running", 0, "auth: GEN_502")


def test_the_last_admin_stays_when_only_auth_knows(deleting: Deleting, users: Users) -> None:
    admin = dataclasses.replace(ANN, id=1, role="admin")
    users.kept[3, 1] = admin
    with pytest.raises(ServiceError) as seen:
        deleting.verbs.request(ADMIN, 1)
    assert (seen.value.error_code.code, deleting.jobs.kept) == ("USER_002", {})
    users.kept[3, 2] = dataclasses.replace(admin, id=2)
    deleting.fault = ServiceCallError(409, "AUTH_030")
    with pytest.raises(ServiceError) as raced:
        deleting.verbs.request(ADMIN, 1)
    (job,) = deleting.jobs.kept.values()
    assert (raced.value.error_code.code, job.status) == ("USER_002", "failed")


@pytest.mark.parametrize(
    ("who", "whom", "code"),
    [
        (CALLER, 1, "GEN_403"),
        (dataclasses.replace(CALLER, role="manager"), 1, "GEN_403"),
        (CALLER, 99, "USER_001"),
        (dataclasses.replace(CALLER, org_id=4), 12, "USER_001"),
    ],
)
def test_others_cannot_delete_a_person(deleting: Deleting, users: Users, who: Principal, whom: int, code: str) -> None:
    users.kept[3, 1] = dataclasses.replace(ANN, id=1, role="admin")
    with pytest.raises(ServiceError) as caught:
        deleting.verbs.request(who, whom)
    assert (caught.value.error_code.code, deleting.jobs.kept) == (code, {})


def test_a_deletion_is_visible_in_its_organization_and_to_the_operator(deleting: Deleting) -> None:
    job = deleting.verbs.request(CALLER, 12)
    operator = Principal(kind="operator", role="operator")
    assert deleting.verbs.read(ADMIN, job.id) == deleting.verbs.read(operator, job.id) == job
    for who, number in ((dataclasses.replace(ADMIN, org_id=4), job.id), (ADMIN, "another")):
        with pytest.raises(ServiceError) as caught:
            deleting.verbs.read(who, number)
        assert caught.value.error_code.code == "USER_003"
