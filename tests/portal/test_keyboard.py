"""Who is notified, set up without a mouse."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.portal.browser import Portal
from tests.portal.seeding import Organization, found

pytest.importorskip("playwright")
from playwright.sync_api import expect

MOST = 60


def reach(portal: Portal, target: Any, key: str = "Tab") -> None:
    """Press a key until the focus, which must be visible, is on the target."""
    target.wait_for()
    for _ in range(MOST):
        portal.page.keyboard.press(key)
        if target.evaluate("it => it === document.activeElement"):
            break
    expect(target).to_be_focused()
    assert target.evaluate("it => getComputedStyle(it).outlineStyle") == "solid"


def test_a_channel_and_a_policy_with_two_steps_are_made_by_keyboard(
    open_portal: Callable[[], Portal], place: Organization
) -> None:
    ours = found(place.url, "admin@keyboard.example", "Keyboard")
    portal = open_portal()
    portal.log_in(ours.admin)
    page, keys = portal.page, portal.page.keyboard
    portal.go("notifications")
    portal.settle()
    page.reload()
    portal.settle()
    new = page.get_by_role("button", name="New channel")
    reach(portal, new)
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="New channel")
    reach(portal, dialog.get_by_label("Name"))
    keys.type("Night shift")
    reach(portal, dialog.get_by_label("Member"))
    keys.type("Dr.")
    reach(portal, dialog.get_by_role("button", name="Make the channel"))
    keys.press("Enter")
    expect(page.get_by_role("region", name="Channels").locator("tbody tr")).to_contain_text("Night shift")
    expect(new).to_be_focused()

    reach(portal, page.get_by_role("link", name="New policy"))
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    reach(portal, page.get_by_label("Name", exact=True))
    keys.type("Ward at night")
    first, second = (page.get_by_role("group", name=f"Step {number}") for number in (1, 2))
    reach(portal, first.get_by_label("Night shift"))
    keys.press("Space")
    reach(portal, page.get_by_role("button", name="Add a step"))
    keys.press("Enter")
    reach(portal, second.get_by_label("Night shift"), "Shift+Tab")
    keys.press("Space")
    reach(portal, second.get_by_label("Minutes after the alarm was raised"), "Shift+Tab")
    keys.press("Control+A")
    keys.type("15")
    reach(portal, page.get_by_role("button", name="Make the policy"))
    keys.press("Enter")
    expect(page.get_by_role("region", name="Policies").locator("tbody tr")).to_contain_text("Ward at night")
    (made,) = requests.get(f"{place.url}/alarms/policies", headers=ours.bearer, timeout=60).json()["items"]
    assert [(it["after_seconds"], len(it["channels"])) for it in made["steps"]] == [(0, 1), (900, 1)]
