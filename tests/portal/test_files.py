"""Files and imports in the portal: sent with progress, refused in words, fetched, cancelled, deleted."""

from pathlib import Path
from typing import Any

import pytest
import requests

from heartguard_common.core.paths import REPO_ROOT
from tests.portal.browser import PATIENCE_MS, Portal
from tests.portal.seeding import PASSWORD, Organization, found
from tests.portal.test_access import accessible
from tests.running import RunningSystem

pytest.importorskip("playwright")
from playwright.sync_api import expect

ATTACK = "<img src=x onerror=alert(1)>.txt"
RECORDING = REPO_ROOT / "examples/activity.fit"


@pytest.fixture(scope="module")
def place(browser: Any, running_system: RunningSystem) -> Organization:
    """An organization of its own: the overview's tests count the people of the other."""
    made = found(running_system.gateway_url, "lead@files.example", "Files")
    made.add("David Okafor", "david@files.example")
    return made


def test_a_file_is_sent_fetched_and_deleted(portal: Portal, tmp_path: Path) -> None:
    page, body = portal.page, b"a line of text\n" * 50_000
    (tmp_path / ATTACK).write_bytes(body)
    portal.go("files")
    page.get_by_label("Files, such as").set_input_files(tmp_path / ATTACK)
    page.get_by_role("button", name="Send files").click()
    row = page.locator("tbody tr").filter(has_text="<img src=x onerror=alert(1)>.txt")
    expect(row).to_contain_text("750 kB", timeout=PATIENCE_MS)
    assert page.locator("main img").count() == 0
    accessible(portal)
    expect(page.get_by_text("used by 1 files")).to_be_visible()
    with page.expect_download() as download:
        row.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_bytes() == body
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There is no file.")).to_be_visible()


def test_a_file_of_a_refused_kind_is_explained(portal: Portal) -> None:
    portal.expected = ("415", "422")
    portal.go("files")
    program = {"name": "tool.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"}
    portal.page.get_by_label("Files, such as").set_input_files(program)
    portal.page.get_by_role("button", name="Send files").click()
    expect(portal.page.get_by_role("alert")).to_contain_text("not accepted")
    expect(portal.page.get_by_text("There is no file.")).to_be_visible()


def test_a_recording_is_imported(portal: Portal, place: Organization) -> None:
    page = portal.page
    portal.go("imports")
    page.get_by_label("File", exact=True).set_input_files(RECORDING)
    page.get_by_label("Whose data it has").select_option(label="David Okafor")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("The file is there.")).to_be_visible(timeout=PATIENCE_MS)
    listed = page.locator(".imports > li").filter(has_text="activity.fit")
    expect(listed).to_contain_text("Imported", timeout=60_000)
    expect(listed).to_contain_text("David Okafor")
    expect(listed).to_contain_text("stored")


def test_columns_of_a_table_are_chosen_and_what_is_left_out_is_explained(portal: Portal) -> None:
    page = portal.page
    rows = "Zeit;Puls;<b>Gerät</b>\n01.06.2024 10:00:00;61;band\n01.06.2024 10:00:01;x;band\n"
    portal.go("imports")
    table = {"name": "table.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    page.get_by_label("File", exact=True).set_input_files(table)
    page.get_by_text("Columns of the table").click()
    page.get_by_label("Zeit").select_option("time")
    page.get_by_label("Puls").select_option("heart_rate")
    page.get_by_label("<b>Gerät</b>").select_option("device")
    accessible(portal)
    page.get_by_label("How times are written").fill("%d.%m.%Y %H:%M:%S")
    page.get_by_role("button", name="Import", exact=True).click()
    listed = page.locator(".imports > li").filter(has_text="table.csv")
    expect(listed).to_contain_text("1 stored", timeout=60_000)
    listed.get_by_text("What was left out, and why").click()
    expect(listed).to_contain_text("not a number")
    accessible(portal)


def test_a_damaged_file_fails_in_words_and_an_import_is_cancelled(portal: Portal, place: Organization) -> None:
    page = portal.page
    place.post("/imports", {"file_name": "never-sent.fit", "size": 10})
    portal.go("imports")
    waiting = page.locator(".imports > li").filter(has_text="never-sent.fit")
    expect(waiting).to_contain_text("Waits for the file")
    waiting.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the import").click()
    expect(waiting).to_contain_text("Cancelled")
    damaged = {"name": "damaged.fit", "mimeType": "", "buffer": b"this is no recording at all"}
    page.get_by_label("File", exact=True).set_input_files(damaged)
    page.get_by_label("Written by").select_option("fit")
    page.get_by_role("button", name="Import", exact=True).click()
    listed = page.locator(".imports > li").filter(has_text="damaged.fit")
    expect(listed).to_contain_text("The file is damaged or of another kind", timeout=60_000)
    kept = requests.get(f"{place.url}/imports", headers=place.bearer, timeout=60).json()["items"]
    assert {it["file_name"]: it["status"] for it in kept}["never-sent.fit"] == "cancelled"


def test_a_file_is_still_chosen_after_a_lost_network_and_an_ended_session(
    portal: Portal, place: Organization, context: Any
) -> None:
    portal.expected = ("401", "ERR_INTERNET_DISCONNECTED")
    page = portal.page
    portal.go("files")
    note = {"name": "kept.txt", "mimeType": "text/plain", "buffer": b"kept"}
    page.get_by_label("Files, such as").set_input_files(note)
    context.set_offline(True)
    page.get_by_role("button", name="Send files").click()
    expect(page.get_by_role("alert").first).to_contain_text("The server can't be reached")
    context.set_offline(False)
    login = {"email": place.admin, "password": PASSWORD}
    token = requests.post(f"{place.url}/auth/login", json=login, timeout=60).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{place.url}/auth/logout", json={"scope": "all"}, headers=bearer, timeout=60).ok
    page.get_by_role("button", name="Send files").click()
    dialog = page.get_by_role("dialog", name="Log in again")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Send files").click()
    expect(page.locator("tbody tr").filter(has_text="kept.txt")).to_be_visible(timeout=PATIENCE_MS)
    place.token = requests.post(f"{place.url}/auth/login", json=login, timeout=60).json()["access_token"]
