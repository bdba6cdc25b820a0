"""Each screen's main task and main failure, in Chromium against a running system."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import PATIENCE_MS, Portal
from tests.portal.seeding import Organization, crowd, found

pytest.importorskip("playwright")
from playwright.sync_api import expect

MANY = 150
SCREENS = (
    *("overview", "alarms", "notifications", "notifications/new", "rules", "members", "files", "imports", "keys"),
    *("organization", "audit", "account"),
)
DOORS = ("login", "forgot", "reset", "accept", "confirm")


def person(place: Organization, index: int) -> int:
    return list(place.people)[index]


def test_who_needs_attention_is_first_and_one_click_away(portal: Portal, place: Organization) -> None:
    rows = portal.page.locator(".people .rows .line")
    expect(rows.first).to_contain_text("Grace Lindqvist")
    expect(rows.first).to_contain_text("Out of range")
    expect(rows.first).to_contain_text("322")
    expect(rows.nth(1)).to_contain_text("Silent")
    portal.page.get_by_role("button", name=re.compile("^No data")).click()
    expect(rows).to_have_count(2)
    portal.page.get_by_role("button", name=re.compile("^Everybody")).click()
    portal.page.get_by_label("Name or e-mail").fill("lindq")
    expect(rows).to_have_count(1)
    rows.get_by_role("link").click()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Grace Lindqvist")
    expect(portal.page.locator(".facts")).to_contain_text("322")


def test_a_chart_zooms_shows_gaps_and_is_a_table(portal: Portal, place: Organization) -> None:
    portal.go(f"people/{person(place, 0)}?range=30d")
    chart = portal.page.get_by_role("figure")
    expect(portal.page.get_by_text(re.compile("^mean of each 1h|^mean of each 2h"))).to_be_visible()
    portal.page.get_by_role("button", name="1 hour").click()
    expect(portal.page.get_by_text("mean of each")).to_contain_text(re.compile("10s|15s"))
    chart.focus()
    for _ in range(2):
        chart.press("+")
    expect(portal.page.get_by_text("each value")).to_be_visible()
    portal.page.get_by_text(re.compile("^Show .* as a table")).click()
    expect(portal.page.get_by_role("region", name="The values of the chart").locator("tbody tr").first).to_be_visible()
    before = portal.page.url
    box = chart.bounding_box()
    portal.page.mouse.move(box["x"] + 300, box["y"] + 100)
    portal.page.mouse.down()
    portal.page.mouse.move(box["x"] + 600, box["y"] + 100, steps=4)
    portal.page.mouse.up()
    portal.page.wait_for_url(lambda url: url != before)
    portal.go(f"people/{person(place, 3)}")
    expect(portal.page.get_by_text("No values in this time.")).to_be_visible()
    portal.go("people/999999")
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Nobody here")


def test_a_wrong_password_and_a_pause_are_explained(open_portal: Callable[[], Portal], place: Organization) -> None:
    portal = open_portal()
    portal.expected = ("401", "429")
    portal.go("login")
    email, password = portal.page.locator("input[type=email]"), portal.page.locator("input[type=password]")
    email.fill("teresa.19@clinic.example")
    for _ in range(30):
        password.fill("not the password")
        with portal.page.expect_response("**/auth/login*") as answer:
            portal.page.locator("button.main").click()
        if answer.value.status == 429:
            break
        expect(portal.page.get_by_role("alert")).to_contain_text("E-mail or password is wrong.")
        expect(portal.page.get_by_role("alert").locator("code")).to_have_text(answer.value.headers["x-request-id"])
    expect(portal.page.get_by_role("alert")).to_contain_text("Too many failed attempts")
    expect(email).to_have_value("teresa.19@clinic.example")


def test_somebody_who_is_invited_joins_and_sees_their_own_data_only(
    portal: Portal, browser: Any, place: Organization
) -> None:
    portal.go("members")
    portal.page.get_by_role("button", name="Invite", exact=True).click()
    dialog = portal.page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("uma.rao@clinic.example")
    dialog.get_by_role("button", name="Invite").click()
    link = dialog.get_by_text("/portal/#/accept").inner_text()
    with browser.new_context() as other:
        guest = Portal.opened(other, place.url)
        guest.page.goto(link)
        expect(guest.page.get_by_label("E-mail")).to_have_value("uma.rao@clinic.example")
        guest.page.get_by_label("Name").fill("Uma Rao")
        guest.page.get_by_label("New password").fill("seven quiet lamps 8")
        guest.page.get_by_role("button", name="Create account").click()
        expect(guest.page.get_by_role("heading", level=1)).to_have_text("Uma Rao")
        expect(guest.page.get_by_role("navigation").get_by_role("link")).to_have_text(
            ["My data", "Alarms", "Files", "Keys", "My account"]
        )
        guest.go("audit")
        expect(guest.page.get_by_role("heading", level=1)).to_have_text("Uma Rao")
        guest.check()
    portal.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_member_is_locked_and_deleted(portal: Portal, place: Organization) -> None:
    place.add("Vera Lang", "vera.lang@clinic.example")
    portal.go("members")
    portal.page.get_by_label("Name or e-mail").fill("vera")
    portal.page.get_by_role("button", name="Search").click()
    row = portal.page.get_by_role("row").filter(has_text="Vera Lang")
    row.get_by_role("button").click()
    dialog = portal.page.get_by_role("dialog")
    dialog.get_by_label("State").select_option("no")
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Locked")
    row.get_by_role("button").click()
    dialog.get_by_role("button", name="Delete member").click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog).to_contain_text("has been deleted", timeout=PATIENCE_MS)


def test_settings_are_kept_and_a_bad_one_is_explained(portal: Portal, place: Organization) -> None:
    portal.expected = ("422",)
    portal.go("organization")
    portal.page.get_by_label("Time zone").select_option("Europe/Madrid")
    portal.page.get_by_label("Days that values are kept").fill("400")
    portal.page.get_by_role("button", name="Save").nth(1).click()
    expect(portal.page.get_by_text("Saved.")).to_be_visible()
    portal.page.get_by_label("Policies").fill("x" * 10_000)
    portal.page.locator("textarea").evaluate("it => { it.removeAttribute('maxlength'); }")
    portal.page.get_by_label("Policies").fill("x" * 10_001)
    portal.page.get_by_role("button", name="Save").first.click()
    expect(portal.page.get_by_role("alert")).to_contain_text("not valid")
    expect(portal.page.get_by_role("alert")).to_contain_text("policies")


def test_the_trail_is_shown_and_verified(portal: Portal) -> None:
    portal.go("audit")
    portal.page.get_by_role("button", name="Verify now").click()
    expect(portal.page.get_by_text(re.compile("Verified: all .* events"))).to_be_visible()
    portal.page.get_by_label("Kind").select_option("change")
    portal.page.get_by_label("On what").fill("user:999999")
    portal.page.get_by_role("button", name="Apply filters").click()
    expect(portal.page.get_by_text("No event matches the filters.")).to_be_visible()


def test_the_language_is_kept(portal: Portal) -> None:
    portal.page.get_by_role("button", name="Español").click()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Resumen")
    portal.page.reload()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Resumen")
    expect(portal.page.locator("html")).to_have_attribute("lang", "es")


def test_scripts_in_every_text_come_back_as_text(
    context: Any, place: Organization, open_portal: Callable[[], Portal]
) -> None:
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>&amp;'\"]]>"
    other = found(place.url, "attacked@attack.example", attack[:200])
    hurt = other.add(attack, "victim@attack.example")
    other.write(iter([f"heart_rate,user_id={hurt},device=<img\\ src\\=x\\ onerror\\=alert(3)> bpm=70"]))
    other.post("/auth/api-keys", {"kind": "device", "name": attack})
    other.post("/imports", {"file_name": "<img src=x onerror=alert(4)>.csv", "size": 1})
    portal = open_portal()
    portal.log_in("attacked@attack.example")
    expect(portal.page.get_by_role("link", name=attack)).to_be_visible()
    for path in (f"people/{hurt}", *SCREENS):
        portal.go(path)
        portal.settle()
        assert portal.page.locator("main img, main script").count() == 0
    portal.go(f"people/{hurt}")
    expect(portal.page.get_by_text("device <img src=x onerror=alert(3)>")).to_be_visible()


def test_many_people_are_few_elements(browser: Any, place: Organization, open_portal: Callable[[], Portal]) -> None:
    other = found(place.url, "many@crowd.example", "Crowd")
    crowd(other, MANY)
    portal = open_portal()
    portal.log_in("many@crowd.example")
    rows = portal.page.locator(".people .rows .line")
    expect(portal.page.get_by_role("table")).to_have_attribute("aria-rowcount", str(MANY + 2))
    assert rows.count() < 60
    portal.page.mouse.wheel(0, 100_000)
    expect(portal.page.locator(f"[aria-rowindex='{MANY + 2}']")).to_be_visible()
    assert rows.count() < 60
    asked = [request.url.split("/api/v1")[1].split("?")[0] for request in portal.asked]
    once = ["/auth/login", "/users/me", "/users", "/timeseries/latest", "/timeseries/query"]
    assert sorted(asked) == sorted([*once, "/alarms", "/alarms"])
    assert len(portal.streams) == 1
