"""The rules of organizations, on paper: no database, no network."""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

import pytest

from heartguard_common.errors import SISTER_UNAVAILABLE, ServiceError
from heartguard_common.identity import Principal
from heartguard_organization.domain import STEPS, Deletion, Organization, difference, is_time_zone
from heartguard_organization.usecases import LOOK_SECONDS, DeletionWork, OrganizationUseCases
from tests.clocks import MovableClock

CLINIC = Organization(3, "Clinic", "", None, "UTC", "accept", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
ADMIN = Principal(kind="person", role="admin", user_id=12, org_id=3)
OPERATOR = Principal(kind="operator", role="operator")


class Store:
    """Organizations and deletions in memory."""

    def __init__(self) -> None:
        self.kept = {CLINIC.id: CLINIC}
        self.deletions: dict[str, Deletion] = {}

    def find(self, org_id: int) -> Organization | None:
        return self.kept.get(org_id)

    def change(
        self, org_id: int, decide: Callable[[Organization], Organization]
    ) -> tuple[Organization, Organization] | None:
        before = self.kept.get(org_id)
        if before is None:
            return None
        self.kept[org_id] = decide(before)
        return before, self.kept[org_id]

    def request(self, deletion: Deletion, confirm: Callable[[Organization], None]) -> tuple[Deletion, bool] | None:
        organization = self.kept.get(deletion.org_id)
        if organization is None:
            return None
        confirm(organization)
        for one in self.deletions.values():
            if one.org_id == deletion.org_id:
                return one, False
        self.deletions[deletion.id] = deletion
        return deletion, True

    def advance(self, work: Callable[[Deletion], Deletion], but_not: Collection[str]) -> Deletion | None:
        for one in list(self.deletions.values()):
            if one.status != "done" and one.id not in but_not:
                self.deletions[one.id] = work(one)
                return self.deletions[one.id]
        return None


class Trail:
    """An audit trail that is a list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, Any]] = []

    def changed(self, actor: Principal | None, action: str, resource: str, **more: Any) -> Any:
        self.events.append((actor.actor if actor else "", action, resource, more.get("payload")))


class Sisters:
    """Sisters that remember; `broken` refuses."""

    def __init__(self, broken: str = "") -> None:
        self.calls: list[tuple[str, int]] = []
        self.broken = broken

    def erase(self, keeper: str, org_id: int) -> None:
        self.calls.append((keeper, org_id))
        if keeper == self.broken:
            raise ServiceError(SISTER_UNAVAILABLE)


class House:
    """The use cases with everything around them."""

    def __init__(self) -> None:
        self.store, self.trail, self.woken = Store(), Trail(), 0
        self.verbs = OrganizationUseCases(self.store, self.store, self.trail, MovableClock(), self._wake)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def house() -> House:
    return House()


def accept(_: Organization) -> None:
    """No precondition."""


@pytest.mark.parametrize("name", ["UTC", "Europe/Madrid", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "US/Pacific"])
def test_zones_of_the_database(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize("name", ["", "utc", "Europe", "Europe/madrid", "localtime", "posix/UTC", "../UTC", "GMT+25"])
def test_names_that_are_no_zones(name: str) -> None:
    assert not is_time_zone(name)


def test_a_difference_shows_settings_and_only_names_texts() -> None:
    after = CLINIC.with_changes({"name": "Ann's", "policies": "about Ann", "time_zone": "Europe/Madrid"})
    assert difference(CLINIC, after) == {
        "changed": "name,policies,time_zone",
        "time_zone_before": "UTC",
        "time_zone_after": "Europe/Madrid",
    }
    assert difference(CLINIC, CLINIC) == {}
    assert difference(CLINIC, dataclasses.replace(CLINIC, updated_at="later")) == {}


def test_a_deletion_goes_through_every_step_once_and_sessions_end_first() -> None:
    deletion, seen = Deletion("j", 3, "queued", 0, "user:12"), []
    while deletion.status != "done":
        step = deletion.next_step
        seen.append(step.keeper)
        failed = deletion.failed("x")
        assert (failed.next_step, failed.progress, failed.status) == (step, deletion.progress, "running")
        deletion = failed.after(step)
        assert deletion.error is None
    assert seen == ["auth", "user", "timeseries", "media", "organization"]
    assert deletion.progress == 100
    assert [step.progress for step in STEPS] == sorted({step.progress for step in STEPS})


def test_an_update_is_audited_and_nothing_else_is(house: House) -> None:
    after = house.verbs.update(ADMIN, "organization.update", {"name": "New"}, accept)
    assert house.store.kept[3] == after
    house.verbs.update(ADMIN, "organization.update", {"name": "New"}, accept)
    assert house.trail.events == [("user:12", "organization.update", "organization:3", {"changed": "name"})]


def test_a_check_that_raises_changes_nothing(house: House) -> None:
    def refuse(current: Organization) -> None:
        assert current == CLINIC
        raise ServiceError(SISTER_UNAVAILABLE)

    with pytest.raises(ServiceError):
        house.verbs.update(ADMIN, "organization.update", {"name": "New"}, refuse)
    assert house.store.kept[3] == CLINIC
    assert house.trail.events == []


def test_who_has_no_organization_finds_none(house: House) -> None:
    calls: list[Callable[[], object]] = [
        lambda: house.verbs.read(OPERATOR),
        lambda: house.verbs.read(dataclasses.replace(ADMIN, org_id=4)),
        lambda: house.verbs.update(dataclasses.replace(ADMIN, org_id=4), "x", {"name": "N"}, accept),
        lambda: house.verbs.delete(dataclasses.replace(ADMIN, org_id=4), "Clinic"),
    ]
    for call in calls:
        with pytest.raises(ServiceError) as caught:
            call()
        assert caught.value.row.code == "ORG_001"


@pytest.mark.parametrize("name", ["clinic", "Clinic ", ""])
def test_only_the_exact_name_deletes(house: House, name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        house.verbs.delete(ADMIN, name)
    assert caught.value.row.code == "ORG_002"
    assert (house.store.deletions, house.woken) == ({}, 0)


def test_a_deletion_is_asked_for_once(house: House) -> None:
    first = house.verbs.delete(ADMIN, "Clinic")
    assert house.verbs.delete(ADMIN, "Clinic") == first
    assert house.trail.events == [("user:12", "organization.delete", "organization:3", {"job": first.id})]
    assert house.woken == 1


def test_work_does_all_that_is_due_and_then_rests(house: House) -> None:
    house.verbs.delete(ADMIN, "Clinic")
    sisters = Sisters()
    work = DeletionWork(house.store, sisters, house.trail)
    assert work.run() == LOOK_SECONDS
    assert sisters.calls == [("auth", 3), ("user", 3), ("timeseries", 3), ("media", 3)]
    (done,) = house.store.deletions.values()
    assert (done.status, done.progress) == ("done", 100)
    assert house.trail.events[-1] == (
        "service:organization",
        "organization.deleted",
        "organization:3",
        {"job": done.id, "requested_by": "user:12"},
    )
    work.run()
    assert len(house.trail.events) == 2


def test_a_sister_that_refuses_is_asked_once_in_a_run_even_by_a_store_that_has_no_clock(house: House) -> None:
    house.verbs.delete(ADMIN, "Clinic")
    sisters = Sisters(broken="user")
    DeletionWork(house.store, sisters, house.trail).run()
    assert sisters.calls == [("auth", 3), ("user", 3)]
    (waiting,) = house.store.deletions.values()
    assert (waiting.status, waiting.progress, waiting.error) == ("running", 20, "user: GEN_502")
