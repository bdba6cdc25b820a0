"""The rules of organizations, without database and network."""

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from heartguard_common.core.clock import is_time_zone
from heartguard_common.core.errors import SERVICE_CALL_FAILED, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_organization.domain import STEPS, Organization, difference
from heartguard_organization.usecases import OrganizationUseCases
from tests.clocks import MovableClock
from tests.fakes.authority import KnownPeople
from tests.fakes.jobs import MemoryJobs

FOUNDED = "2026-01-01T00:00:00Z"
CLINIC = Organization(3, "Clinic", "", None, "UTC", "accept", "active", FOUNDED, FOUNDED)
ADMIN = Principal(kind="person", role="admin", user_id=12, org_id=3)
OPERATOR = Principal(kind="operator", role="operator")


class Store:
    """Organizations in memory."""

    def __init__(self) -> None:
        self.kept = {CLINIC.id: CLINIC}

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

    def close(self, org_id: int) -> None:
        """Does nothing: these tests read no mark."""

    def end(self, org_id: int) -> None:
        self.kept.pop(org_id, None)


class Trail:
    """An audit trail that is a list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, Any]] = []

    def changed(self, actor: Principal | None, action: str, resource: str, **more: Any) -> Any:
        self.events.append((actor.actor if actor else "", action, resource, more.get("payload")))


class Stack:
    """The use cases with their dependencies."""

    def __init__(self) -> None:
        self.store, self.jobs, self.trail, self.woken = Store(), MemoryJobs(), Trail(), 0
        self.verbs = OrganizationUseCases(
            self.store, self.jobs, KnownPeople(), self.trail, nullcontext, MovableClock(), self._wake
        )

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def stack() -> Stack:
    return Stack()


def accept(_: Organization) -> None:
    """No precondition."""


@pytest.mark.parametrize("name", ["UTC", "Europe/Madrid", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "US/Pacific"])
def test_known_time_zones_are_accepted(name: str) -> None:
    assert is_time_zone(name)


NO_ZONES = ["", "utc", "Europe", "Europe/madrid", "localtime", "posix/UTC", "../UTC", "GMT+25"]


def test_unknown_time_zones_are_refused(subtests: pytest.Subtests) -> None:
    for name in NO_ZONES:
        with subtests.test(name):
            assert not is_time_zone(name)


def test_a_change_event_shows_settings_and_only_names_texts() -> None:
    after = CLINIC.with_changes({"name": "Ann's", "policies": "about Ann", "time_zone": "Europe/Madrid"})
    assert difference(CLINIC, after) == {
        "changed": "name,policies,time_zone",
        "time_zone_before": "UTC",
        "time_zone_after": "Europe/Madrid",
    }
    assert difference(CLINIC, CLINIC) == {}
    assert difference(CLINIC, dataclasses.replace(CLINIC, updated_at="later")) == {}


def test_sessions_end_first_and_the_organization_last() -> None:
    assert [step.eraser for step in STEPS] == ["auth", "user", "timeseries", "alarm", "media", "organization"]
    assert [step.progress for step in STEPS] == sorted({step.progress for step in STEPS})
    assert STEPS[-1].progress == 100


def test_only_an_update_is_audited(stack: Stack) -> None:
    after = stack.verbs.update(ADMIN, "organization.update", {"name": "New"}, accept)
    assert stack.store.kept[3] == after
    stack.verbs.update(ADMIN, "organization.update", {"name": "New"}, accept)
    assert stack.trail.events == [("user:12", "organization.update", "organization:3", {"changed": "name"})]


def test_a_failed_check_does_not_change_an_organization(stack: Stack) -> None:
    def refuse(current: Organization) -> None:
        assert current == CLINIC
        raise ServiceError(SERVICE_CALL_FAILED)

    with pytest.raises(ServiceError):
        stack.verbs.update(ADMIN, "organization.update", {"name": "New"}, refuse)
    assert stack.store.kept[3] == CLINIC
    assert stack.trail.events == []


def test_a_caller_without_an_organization_finds_none(stack: Stack) -> None:
    calls: list[Callable[[], object]] = [
        lambda: stack.verbs.read(OPERATOR),
        lambda: stack.verbs.read(dataclasses.replace(ADMIN, org_id=4)),
        lambda: stack.verbs.update(dataclasses.replace(ADMIN, org_id=4), "x", {"name": "N"}, accept),
        lambda: stack.verbs.delete(dataclasses.replace(ADMIN, org_id=4), "Clinic"),
    ]
    for call in calls:
        with pytest.raises(ServiceError) as caught:
            call()
        assert caught.value.error_code.code == "ORG_001"


@pytest.mark.parametrize("name", ["clinic", "Clinic ", ""])
def test_only_the_exact_name_deletes(stack: Stack, name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        stack.verbs.delete(ADMIN, name)
    assert caught.value.error_code.code == "ORG_002"
    assert (stack.jobs.kept, stack.woken) == ({}, 0)


def test_a_repeated_deletion_is_requested_once(stack: Stack) -> None:
    first = stack.verbs.delete(ADMIN, "Clinic")
    assert stack.verbs.delete(ADMIN, "Clinic") == first
    assert stack.trail.events == [("user:12", "organization.delete", "organization:3", {"job": first.id})]
    assert stack.woken == 1


def test_a_deletion_is_visible_to_its_organization_and_the_operator(stack: Stack) -> None:
    job = stack.verbs.delete(ADMIN, "Clinic")
    assert stack.verbs.deletion(ADMIN, job.id) == stack.verbs.deletion(OPERATOR, job.id) == job
    for who, number in ((dataclasses.replace(ADMIN, org_id=4), job.id), (ADMIN, "another")):
        with pytest.raises(ServiceError) as caught:
            stack.verbs.deletion(who, number)
        assert caught.value.error_code.code == "ORG_004"
