"""Keys in the portal: made and shown once, changed, replaced, taken over and ended; a user has device keys only."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.portal.browser import PATIENCE_MS, Portal
from tests.portal.seeding import PASSWORD, Organization, found
from tests.portal.test_access import accessible
from tests.running import RunningSystem
from tests.servers import until

pytest.importorskip("playwright")
from playwright.sync_api import expect

ATTACK = "<img src=x onerror=alert(1)>'\"]]>"


@pytest.fixture(scope="module")
def place(browser: Any, running_system: RunningSystem) -> Organization:
    """An organization of its own: the overview's tests count the people of the other."""
    return found(running_system.gateway_url, "lead@keys.example", "Keys")


def status(place: Organization, key: str) -> int:
    """What a reading of last values with a key gives."""
    body = {"bucket": f"org_{place.org_id}", "measurement": "heart_rate", "limit": 1}
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{place.url}/timeseries/latest", json=body, headers=headers, timeout=60).status_code


def test_a_key_is_made_used_replaced_and_ended(portal: Portal, place: Organization) -> None:
    portal.expected = ("422",)
    page = portal.page
    portal.go("keys")
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(f"Dashboard {ATTACK}")
    dialog.get_by_role("button", name="Make a key").click()
    expect(dialog.get_by_role("alert")).to_contain_text("needs at least one scope")
    accessible(portal)
    dialog.get_by_label("Read values").check()
    dialog.get_by_role("button", name="Make a key").click()
    first = dialog.locator("code.secret").inner_text()
    assert re.fullmatch(r"hg_int_\w{36}", first)
    assert status(place, first) == 200
    accessible(portal)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Make a key")).to_be_focused()
    accessible(portal)
    row = page.get_by_role("row").filter(has_text="Dashboard <img src=x")
    expect(row).to_contain_text("Read values")
    assert page.locator("main img").count() == 0
    row.get_by_role("button", name="New secret").click()
    dialog.get_by_label("The present secret stays valid for").select_option("0")
    dialog.get_by_role("button", name="New secret").click()
    second = dialog.locator("code.secret").inner_text()
    until(lambda: status(place, first) == 401, "the former secret is refused", seconds=30)
    assert status(place, second) == 200
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Change").click()
    dialog.get_by_label("Name").fill("Board")
    dialog.get_by_text("Further restrictions").click()
    dialog.get_by_label("Networks").fill("192.0.2.0/24")
    dialog.get_by_role("button", name="Save").click()
    changed = page.get_by_role("row").filter(has_text="Board")
    expect(changed).to_contain_text("only 192.0.2.0/24")
    changed.get_by_role("button", name="End").click()
    dialog.get_by_role("button", name="End", exact=True).click()
    expect(changed).to_have_count(0)
    until(lambda: status(place, second) == 401, "the key is refused", seconds=30)


def test_a_user_makes_device_keys_and_sees_their_own(browser: Any, place: Organization, portal: Portal) -> None:
    place.post("/auth/api-keys", {"kind": "device", "name": "Watch of the admin"})
    place.add("Wim Bakker", "wim.bakker@clinic.example")
    with browser.new_context() as other:
        own = Portal.opened(other, place.url)
        own.log_in("wim.bakker@clinic.example")
        own.go("keys")
        expect(own.page.get_by_text("There is no key.")).to_be_visible()
        own.page.get_by_role("button", name="Make a key").click()
        dialog = own.page.get_by_role("dialog")
        expect(dialog.get_by_label("Kind")).to_have_count(0)
        dialog.get_by_label("Name").fill("Watch")
        dialog.get_by_role("button", name="Make a key").click()
        expect(dialog.locator("code.secret")).to_contain_text("hg_dev_")
        own.page.keyboard.press("Escape")
        expect(own.page.locator("tbody tr")).to_have_count(1)
        own.check()
    portal.go("keys")
    expect(portal.page.get_by_role("row").filter(has_text="Wim Bakker")).to_be_visible()


def test_an_admin_takes_over_the_key_of_somebody_who_has_left(
    portal: Portal, place: Organization, open_portal: Callable[[], Portal]
) -> None:
    email = "yara.haddad@clinic.example"
    number = place.add("Yara Haddad", email, "manager")
    login = requests.post(f"{place.url}/auth/login", json={"email": email, "password": PASSWORD}, timeout=60)
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
    wanted = {"kind": "integration", "name": "Nightly report", "scopes": ["points_read"]}
    assert requests.post(f"{place.url}/auth/api-keys", json=wanted, headers=bearer, timeout=60).status_code == 201
    deletion = requests.delete(f"{place.url}/users/{number}", headers=place.bearer, timeout=60)
    assert deletion.ok, deletion.text
    del place.people[number]

    def waits() -> bool:
        keys = requests.get(f"{place.url}/auth/api-keys?limit=500", headers=place.bearer, timeout=60).json()["items"]
        return any(key["name"] == "Nightly report" and "adopt_before" in key for key in keys)

    until(waits, "nobody is responsible for the key", seconds=60)
    portal.go("keys")
    notice = portal.page.locator(".notice").filter(has_text="Nightly report")
    notice.get_by_role("button", name="Take it over").click()
    expect(notice).to_have_count(0, timeout=PATIENCE_MS)
    expect(portal.page.get_by_role("row").filter(has_text="Nightly report")).to_contain_text("Valid until")


@pytest.mark.parametrize("role", ["manager", "user"])
def test_other_roles_have_their_screens_without_a_refusal(browser: Any, place: Organization, role: str) -> None:
    place.add(f"Zoe {role}", f"zoe.{role}@keys.example", role)
    with browser.new_context() as other:
        portal = Portal.opened(other, place.url)
        portal.log_in(f"zoe.{role}@keys.example")
        for path, title in (("files", "Files"), ("imports", "Imports"), ("keys", "Keys of devices and programs")):
            portal.go(path)
            expect(portal.page.get_by_role("heading", level=1)).to_have_text(title)
            portal.settle()
            expect(portal.page.get_by_role("alert")).to_have_count(0)
        for path in ("organization", "audit"):
            portal.go(path)
            expect(portal.page.get_by_role("heading", level=1)).not_to_have_text(re.compile("Keys of|Audit"))
        portal.check()
