"""The operator's screen: accounts of any organization, and what became of the last backup."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.portal.browser import Portal
from tests.portal.seeding import PASSWORD, Organization, found
from tests.portal.test_access import accessible
from tests.running import RunningSystem

pytest.importorskip("playwright")
from playwright.sync_api import expect


@pytest.fixture
def operator(open_portal: Callable[[], Portal], place: Organization, running_system: RunningSystem) -> Iterator[Portal]:
    """The portal with the operator's token entered."""
    portal = open_portal()
    portal.go("operator")
    portal.page.get_by_label("Operator token").fill(running_system.operator["Authorization"].removeprefix("Bearer "))
    portal.page.get_by_role("button", name="Enter").click()
    portal.page.get_by_role("heading", level=1, name="Operator").wait_for()
    return portal


def log_in(url: str, email: str) -> int:
    return requests.post(f"{url}/auth/login", json={"email": email, "password": PASSWORD}, timeout=60).status_code


def test_an_account_is_found_locked_and_unlocked_and_its_sessions_end(operator: Portal, place: Organization) -> None:
    other = found(place.url, "lost@accounts.example", "Lost & found")
    page = operator.page
    operator.go("operator/accounts")
    expect(page.get_by_text("Search for a part of the name or address.")).to_be_visible()
    accessible(operator)
    assert not [it for it in operator.asked if "/auth/accounts" in it.url]  # nobody is listed unasked
    page.get_by_label("Name or e-mail").fill("LOST@accounts")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name=f"Open the account of Dr. Lucía Martín in organization {other.org_id}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("dl")).to_contain_text("lost@accounts.example")
    accessible(operator)
    dialog.get_by_role("button", name="Sessions").click()
    expect(dialog.get_by_text("1 open session", exact=True)).to_be_visible()
    accessible(operator)
    dialog.get_by_role("button", name="End all").click()
    expect(dialog.get_by_text("0 open sessions", exact=True)).to_be_focused()
    assert requests.get(f"{place.url}/users/me", headers=other.bearer, timeout=60).status_code == 401
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Lock").click()
    expect(dialog).to_contain_text(f"log in to organization {other.org_id}")
    dialog.get_by_role("button", name="Lock").click()
    expect(dialog.get_by_role("status")).to_have_text("Locked")
    assert log_in(place.url, other.admin) == 401
    dialog.get_by_role("button", name="Unlock").click()
    expect(dialog.get_by_role("status")).to_have_text("Active")
    assert log_in(place.url, other.admin) == 200


def test_somebody_is_invited_into_an_organization_that_has_lost_its_admin(
    operator: Portal, place: Organization
) -> None:
    other = found(place.url, "left@orphans.example", "Orphans")
    page = operator.page
    page.get_by_label("Name").fill("orphans")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Change Orphans").click()
    page.get_by_role("dialog").get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog", name="Invite into Orphans")
    expect(dialog.get_by_label("Role")).to_have_value("admin")
    dialog.get_by_label("E-mail").fill("new.admin@orphans.example")
    dialog.get_by_role("button", name="Invite").click()
    code = page.get_by_role("dialog").locator("dd code").first.inner_text()
    body = {"email": "new.admin@orphans.example", "password": PASSWORD, "invitation": code}
    made = requests.post(f"{place.url}/auth/register", json=body, timeout=60).json()
    assert (made["org_id"], made["role"]) == (other.org_id, "admin")


@pytest.fixture
def backups(running_system: RunningSystem) -> Iterator[Path]:
    """The directory of backups, empty; afterwards it is as it was, since other tests use the system, too."""
    directory = running_system.clone.root / "var/backups"
    aside = directory.with_name("backups.aside")
    if directory.exists():
        directory.rename(aside)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
    if aside.exists():
        aside.rename(directory)


def test_the_last_backup_its_size_its_verification_and_its_failure_are_shown(
    operator: Portal, running_system: RunningSystem, backups: Path
) -> None:
    page, clone = operator.page, running_system.clone
    file = backups / "last.json"
    assert clone.script("heartguard", "backup").returncode == 0
    document = json.loads(file.read_text())
    operator.go("operator/backups")
    card = page.locator("section.card")
    expect(card).to_contain_text("The last backup is complete")
    expect(card).to_contain_text(document["place"])
    expect(card).to_contain_text("Not yet: ./heartguard backup verify")
    assert clone.script("heartguard", "backup", "verify").returncode == 0
    refresh = page.get_by_role("button", name="Refresh: Backups")
    refresh.click()
    expect(card).to_contain_text("Intact")
    accessible(operator)
    file.write_text(json.dumps({**document, "result": "failed", "bytes": None, "error": "<b>full</b>"}))
    refresh.click()
    expect(card).to_contain_text("The last backup failed")
    expect(card.locator(".failure")).to_have_text("<b>full</b>")
    accessible(operator)
    file.write_text(json.dumps({"result": "ok", "ended": "2026-01-01T02:00:09Z", "bytes": 4_200_000}))
    refresh.click()
    expect(card).to_contain_text("The newest backup is old")
    expect(card).to_contain_text("4.2 MB")
    file.unlink()
    for manifest in backups.glob("*/manifest.json"):
        manifest.unlink()
    refresh.click()
    expect(card).to_contain_text("No backup has been made here")
