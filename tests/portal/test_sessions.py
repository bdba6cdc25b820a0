"""Tabs, expired and revoked sessions, a lost network: nothing typed is lost."""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.portal.browser import Portal
from tests.portal.seeding import PASSWORD, Organization
from tests.portal.test_access import accessible
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


def test_no_tab_asks_with_a_token_that_another_is_ending(portal: Portal, open_portal: Callable[[], Portal]) -> None:
    """The answer to the logout comes late, so that the other tab would see the end of its stream long before."""
    portal.settle()
    second = open_portal()
    second.go("account")
    expect(second.page.get_by_role("heading", level=1)).to_have_text("My account")

    def late(route: Any) -> None:
        answer = route.fetch()
        time.sleep(3)
        route.fulfill(response=answer)

    second.page.route("**/auth/logout", late)
    second.page.get_by_role("button", name="Log out", exact=True).click()
    for tab in (second, portal):
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_after_a_logout_that_failed_the_stream_is_read_again(portal: Portal, open_portal: Callable[[], Portal]) -> None:
    portal.settle()
    second = open_portal()
    second.expected = ("502",)
    second.go("account")

    def refused(route: Any) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=502, content_type="text/html", body="<html><h1>Bad gateway</h1>")
        else:
            route.continue_()

    second.page.route("**/auth/sessions", refused)
    before = len(portal.streams + second.streams)
    second.page.get_by_role("button", name="Log out everywhere").click()
    expect(second.page.get_by_role("alert").first).to_be_visible()
    again = "a stream is opened again"
    until(lambda: second.page.evaluate("1") == 1 and len(portal.streams + second.streams) > before, again)
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Overview")


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


def test_an_admin_ends_the_sessions_of_a_member_by_keyboard(portal: Portal, place: Organization) -> None:
    address = place.people[list(place.people)[1]]
    login = {"email": address, "password": PASSWORD}

    def begin(agent: str) -> dict[str, str]:
        answer = requests.post(f"{place.url}/auth/login", json=login, headers={"User-Agent": agent}, timeout=60)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def lives(bearer: dict[str, str]) -> bool:
        return requests.get(f"{place.url}/auth/profile", headers=bearer, timeout=60).status_code == 200

    tablet, phone = begin("Tablet/1"), begin("<b>Phone</b>/2")
    portal.go("members")
    page, keys = portal.page, portal.page.keyboard
    portal.settle()
    page.get_by_role("button", name="Change Bruno Ferreira").focus()
    keys.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Sessions").focus()
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Sessions of Bruno Ferreira")
    expect(dialog.locator("tbody tr")).to_have_count(2)
    expect(dialog.locator("tbody tr").first).to_contain_text("<b>Phone</b>/2")
    accessible(portal)
    dialog.get_by_role("button", name="End the session of Tablet/1").focus()
    keys.press("Enter")
    expect(dialog.get_by_text("1 open session", exact=True)).to_be_focused()
    assert (lives(tablet), lives(phone)) == (False, True)
    keys.press("Tab")
    expect(dialog.get_by_role("button", name="End the session of <b>Phone</b>/2")).to_be_focused()
    keys.press("Tab")
    expect(dialog.get_by_role("button", name="End all")).to_be_focused()
    keys.press("Enter")
    expect(dialog.get_by_text("0 open sessions", exact=True)).to_be_focused()
    assert not lives(phone)
    keys.press("Escape")
    expect(page.get_by_role("dialog", name="Bruno Ferreira")).to_be_visible()


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
