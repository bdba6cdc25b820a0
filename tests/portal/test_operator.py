"""The operator's screen, and the organization's own: usage, mode, deletion, audit as a file, values as a file."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.portal.browser import PATIENCE_MS, Portal
from tests.portal.seeding import Organization, found
from tests.portal.test_access import accessible
from tests.running import RunningSystem

pytest.importorskip("playwright")
from playwright.sync_api import expect


def test_the_operator_sets_mode_and_limit_and_a_reload_forgets_the_token(
    open_portal: Callable[[], Portal], place: Organization, running_system: RunningSystem
) -> None:
    other = found(place.url, "operated@clinic.example", "Operated <b>clinic</b>")
    portal = open_portal()
    portal.expected = ("401",)
    page, token = portal.page, running_system.operator["Authorization"].removeprefix("Bearer ")
    portal.go("operator")
    page.get_by_label("Operator token").fill("not the token")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Operator token").fill(token)
    page.get_by_role("button", name="Enter").click()
    page.get_by_label("Name").fill("operated")
    page.get_by_role("button", name="Search").click()
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    accessible(portal)
    dialog.get_by_label("Mode").select_option("read_only")
    dialog.get_by_role("button", name="Set the mode").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    dialog.get_by_label("Limit").select_option("members")
    dialog.get_by_label("New value").fill("7")
    dialog.get_by_role("button", name="Set the limit").click()
    expect(dialog).to_contain_text("Now 7;")
    page.keyboard.press("Escape")
    expect(row).to_contain_text("Read-only")
    usage = requests.get(f"{place.url}/organization/usage", headers=other.bearer, timeout=60).json()
    assert usage["mode"] == "read_only"
    assert {it["name"]: it["value"] for it in usage["items"]}["members"] == 7
    page.get_by_role("link", name="Services and jobs").click()
    expect(page.get_by_text("Nothing has failed for good.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".services li")).not_to_have_count(0)
    expect(page.get_by_text("influx · imports")).to_be_visible()
    expect(page.get_by_text("No answer from")).to_have_count(0)
    kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert token not in kept
    page.reload()
    expect(page.get_by_label("Operator token")).to_have_value("")


def test_usage_and_mode_are_explained_and_the_organization_is_deleted(
    open_portal: Callable[[], Portal], place: Organization
) -> None:
    found(place.url, "closing@closing.example", "Closing clinic")
    portal = open_portal()
    portal.expected = ("401", "404", "422")
    page = portal.page
    portal.log_in("closing@closing.example")
    portal.go("organization")
    expect(page.get_by_text("Members may do everything that their role allows.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Members organization")).to_contain_text("1")
    page.get_by_role("button", name="Delete the organization").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("closing clinic")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not the name of the organization")
    dialog.get_by_label("Name").fill("Closing clinic")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Your account ends with it.")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_the_trail_says_who_saw_what_and_is_a_file(portal: Portal, place: Organization) -> None:
    page, person = portal.page, next(iter(place.people))
    portal.go(f"people/{person}")
    portal.settle()
    portal.go("audit")
    page.get_by_label("Who saw data").select_option("timeseries.query")
    page.get_by_label("On what").fill(f"user:{person}")

    def recorded() -> bool:
        page.get_by_role("button", name="Apply filters").click()
        portal.settle()
        return bool(page.locator("tbody tr").count())

    for _ in range(20):  # events are recorded a moment later
        if recorded():
            break
    expect(page.locator("tbody tr").first).to_contain_text("Dr. Lucía Martín")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    head, *lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert head == "sequence,time,kind,actor,action,service,resource,outcome,reason,request_id"
    assert lines
    assert all(f",timeseries.query.disclosed,influx,user:{person},success," in line for line in lines)


def test_a_period_of_a_person_is_a_file_and_the_resting_rate_a_trend(portal: Portal, place: Organization) -> None:
    page, person = portal.page, next(iter(place.people))
    portal.go(f"people/{person}")
    page.get_by_role("button", name="Prepare the file").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click(timeout=60_000)
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.count("\n") > 10_000
    assert f"{person}" in text
    page.get_by_role("button", name="Show the trend").click()
    expect(page.get_by_text(re.compile(r"\d+ bpm on average over \d+ days"))).to_be_visible(timeout=60_000)
    page.get_by_text("Show as a table", exact=True).click()
    accessible(portal)
    expect(page.get_by_role("region", name="Resting rate by day").locator("tbody tr")).to_have_count(28)


def test_the_operators_screen_is_accessible(
    open_portal: Callable[[], Portal], running_system: RunningSystem, subtests: pytest.Subtests
) -> None:
    portal = open_portal()
    portal.go("operator")
    portal.page.get_by_label("Operator token").fill(running_system.operator["Authorization"].removeprefix("Bearer "))
    portal.page.get_by_role("button", name="Enter").click()
    for path in ("operator/organizations", "operator/work"):
        with subtests.test(path):
            portal.go(path)
            portal.page.locator("table").first.wait_for()
            accessible(portal)
