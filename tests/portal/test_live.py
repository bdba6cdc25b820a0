"""Values that come by the stream: one stream for all tabs, which another tab continues."""

import signal
import time
from collections.abc import Callable

import pytest
import requests

from tests.portal.browser import PATIENCE_MS, Portal
from tests.portal.seeding import Organization, found, rates, spike
from tests.running import RunningSystem
from tests.servers import until

pytest.importorskip("playwright")
from playwright.sync_api import expect

ADMIN = "live@live.example"


@pytest.fixture(scope="module")
def watched(place: Organization) -> Organization:
    """One person with an hour of heart rates."""
    organization = found(place.url, ADMIN, "Live")
    person = organization.add("Ana García", "ana@live.example")
    organization.write(rates(person, time.time() - 3600, time.time() - 600, 30))
    return organization


def shown(portal: Portal, value: int) -> None:
    expect(portal.page.locator(".people .rows .line").first).to_contain_text(f"{value} bpm", timeout=PATIENCE_MS)


def live(portal: Portal) -> None:
    expect(portal.page.locator(".heading")).to_contain_text("Live", timeout=PATIENCE_MS)


def latest(portal: Portal) -> int:
    return sum("/timeseries/latest" in request.url for request in portal.asked)


def test_tabs_share_one_stream_and_another_goes_on_with_it(
    open_portal: Callable[[], Portal], watched: Organization
) -> None:
    first, second = open_portal(), open_portal()
    person = next(iter(watched.people))
    first.log_in(ADMIN)
    live(first)
    second.go()
    live(second)
    spike(watched, person, 133)
    shown(first, 133)
    shown(second, 133)
    assert (len(first.streams), len(second.streams)) == (1, 0)
    assert (latest(first), latest(second)) == (1, 1)
    first.page.close()
    until(lambda: bool(second.page.wait_for_timeout(50)) or len(second.streams) == 1, "the other tab reads", seconds=30)
    assert "last_event_id=" in second.streams[0].url
    spike(watched, person, 134)
    shown(second, 134)
    assert latest(second) == 1


def test_a_person_is_shown_live(open_portal: Callable[[], Portal], watched: Organization) -> None:
    portal = open_portal()
    portal.log_in(ADMIN)
    live(portal)
    person = next(iter(watched.people))
    portal.go(f"people/{person}?range=1h")
    portal.page.locator(".facts").wait_for()
    spike(watched, person, 141)
    expect(portal.page.locator(".facts")).to_contain_text("141", timeout=PATIENCE_MS)


def test_after_a_reset_and_after_a_restart_what_is_shown_is_right(
    open_portal: Callable[[], Portal], watched: Organization, running_system: RunningSystem
) -> None:
    portal = open_portal()
    portal.expected = ("50", "ERR_", "Failed to load resource")
    portal.log_in(ADMIN)
    live(portal)
    person = next(iter(watched.people))
    spike(watched, person, 151)
    shown(portal, 151)
    clone = running_system.clone
    before = clone.pid("stream")
    clone.send("stream", signal.SIGKILL)
    until(lambda: clone.replaced("stream", before), "the stream process is back", seconds=60)
    spike(watched, person, 152)
    shown(portal, 152)
    document = {
        "bucket": f"org_{watched.org_id}", "measurement": "heart_rate", "tags": {"user_id": str(person)},
        "range_start": "2020-01-01T00:00:00Z", "range_stop": "2100-01-01T00:00:00Z",
    }  # fmt: skip
    answer = requests.post(f"{watched.url}/timeseries/delete", json=document, headers=watched.bearer, timeout=60)
    assert answer.ok, answer.text
    expect(portal.page.locator(".people .rows .line").first).to_contain_text("No data", timeout=PATIENCE_MS)


def test_a_restart_of_redis_is_said_loses_nothing_typed_and_values_come_again(
    open_portal: Callable[[], Portal], watched: Organization, running_system: RunningSystem
) -> None:
    first, second = open_portal(), open_portal()
    first.log_in(ADMIN)
    live(first)
    sought = first.page.get_by_label("Name or e-mail")
    sought.fill("ana")
    second.go("organization")
    typed = second.page.get_by_label("Policies")
    typed.fill("half a sentence")
    clone = running_system.clone
    before = clone.pid("valkey")
    clone.send("valkey", signal.SIGSTOP)
    try:
        second.page.get_by_role("button", name="Save").first.click()
        first.page.bring_to_front()
        expect(first.page.locator(".heading")).to_contain_text("Updated", timeout=2 * PATIENCE_MS)
        expect(first.page.locator(".people .rows .line").first).to_contain_text("Ana García")
    finally:
        clone.send("valkey", signal.SIGKILL)
    until(lambda: clone.replaced("valkey", before) and clone.all_ready(), "Valkey is back", seconds=60)
    expect(first.page.locator(".heading")).to_contain_text("Live", timeout=3 * PATIENCE_MS)
    spike(watched, next(iter(watched.people)), 163)
    shown(first, 163)
    expect(sought).to_have_value("ana")
    second.page.bring_to_front()
    expect(typed).to_have_value("half a sentence")
    second.page.get_by_role("button", name="Save").first.click()
    expect(second.page.get_by_text("Saved.")).to_be_visible()


def test_a_demotion_ends_what_is_shown(open_portal: Callable[[], Portal], watched: Organization) -> None:
    portal = open_portal()
    portal.expected = ("401", "403")
    manager = watched.add("Max Adler", "max@live.example", "manager")
    portal.log_in("max@live.example")
    live(portal)
    url = f"{watched.url}/users/{manager}"
    assert requests.patch(url, json={"active": False}, headers=watched.bearer, timeout=60).ok
    expect(portal.page.get_by_role("dialog", name="Log in again")).to_be_visible(timeout=PATIENCE_MS)
