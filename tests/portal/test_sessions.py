"""Tabs, expired and revoked sessions, a lost network: nothing typed is lost."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.portal.browser import Portal
from tests.portal.seeding import PASSWORD, Organization
from tests.running import RunningSystem
from tests.servers import until

pytest.importorskip("playwright")
from playwright.sync_api import expect


def refreshes(*portals: Portal) -> int:
    return sum("/auth/refresh" in request.url for portal in portals for request in portal.asked)


def test_tabs_share_one_login_and_one_refresh(
    portal: Portal, open_portal: Callable[[], Portal], place: Organization
) -> None:
    second = open_portal()
    second.go()
    expect(second.page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert refreshes(portal, second) == 0  # the first tab gave its token
    second.page.close()
    portal.page.reload()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert refreshes(portal) == 1  # by the cookie
    third = open_portal()
    third.go("account")
    expect(third.page.get_by_role("heading", level=1)).to_have_text("My account")
    third.page.get_by_role("button", name="Log out", exact=True).click()
    for tab in (third, portal):
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_no_token_is_where_scripts_of_others_could_read_it(portal: Portal, context: Any) -> None:
    kept = portal.page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "eyJ" not in kept
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (
        True,
        True,
        "Strict",
        "/api/v1/auth",
    )


def test_a_session_that_is_revoked_is_renewed_above_what_was_typed(portal: Portal, place: Organization) -> None:
    portal.expected = ("401",)
    portal.go("organization")
    typed = portal.page.get_by_label("Policies")
    typed.fill("half a sentence that must not be lo")
    login = {"email": place.admin, "password": PASSWORD}
    token = requests.post(f"{place.url}/auth/login", json=login, timeout=60).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{place.url}/auth/logout", json={"scope": "all"}, headers=bearer, timeout=60).ok
    portal.page.get_by_role("button", name="Save").first.click()
    dialog = portal.page.get_by_role("dialog", name="Log in again")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    expect(typed).to_have_value("half a sentence that must not be lo")
    portal.page.get_by_role("button", name="Save").first.click()
    expect(portal.page.get_by_text("Saved.")).to_be_visible()
    place.token = requests.post(f"{place.url}/auth/login", json=login, timeout=60).json()["access_token"]


def test_a_lost_network_is_explained_and_tried_again(portal: Portal, context: Any) -> None:
    portal.expected = ("ERR_INTERNET_DISCONNECTED",)
    portal.go("account")
    portal.page.get_by_label("Name").fill("Dr. Lucía Martín Gil")
    context.set_offline(True)
    portal.page.get_by_role("button", name="Save").click()
    expect(portal.page.get_by_role("alert")).to_contain_text("The server can't be reached")
    expect(portal.page.get_by_label("Name")).to_have_value("Dr. Lucía Martín Gil")
    context.set_offline(False)
    portal.page.get_by_role("button", name="Save").click()
    expect(portal.page.locator("header.bar")).to_contain_text("Dr. Lucía Martín Gil")


def test_a_restart_of_redis_ends_no_session(portal: Portal, running_system: RunningSystem) -> None:
    portal.expected = ("50",)
    clone = running_system.clone
    before = clone.pid("valkey")
    clone.send("valkey", signal.SIGKILL)
    until(lambda: clone.replaced("valkey", before) and clone.all_ready(), "Valkey is back", seconds=60)
    with portal.page.expect_response("**/timeseries/latest") as answer:
        portal.page.get_by_role("button", name="Refresh").click()
    assert answer.value.status == 200
    expect(portal.page.locator(".people .rows .line").first).to_contain_text("Grace Lindqvist")


def test_a_tab_of_a_former_version_offers_the_new_one(portal: Portal) -> None:
    portal.expected = ("404",)
    portal.page.route("**/screens/audit.js", lambda route: route.fulfill(status=404, body=""))
    portal.go("audit")
    expect(portal.page.get_by_text("A new version of the portal has been installed.")).to_be_visible()
    portal.page.unroute("**/screens/audit.js")
    portal.page.get_by_role("button", name="Load it").click()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Audit")
