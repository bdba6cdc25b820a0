"""Access: axe on every screen, small screens, keyboard, and what axe can't see."""

from importlib.resources import files
from typing import Any

import pytest

from tests.portal.browser import Portal
from tests.portal.seeding import Organization
from tests.portal.test_screens import DOORS, SCREENS

pytest.importorskip("playwright")
from playwright.sync_api import expect

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = """async () => {
    const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await axe.run({ runOnly: rules });
    return found.violations.map((it) => it.id + it.nodes.map((node) => node.html + node.failureSummary).join(" | "));
}"""
NARROW = 360


def violations(portal: Portal) -> list[str]:
    portal.settle()
    portal.page.evaluate(AXE)
    return portal.page.evaluate(RUN)


def accessible(portal: Portal) -> None:
    """Axe finds nothing, and nothing is wider than a small phone."""
    assert violations(portal) == []
    before = portal.page.viewport_size
    portal.page.set_viewport_size({"width": NARROW, "height": 740})
    portal.settle()  # charts get their new size a moment later
    assert portal.page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert violations(portal) == []
    portal.page.set_viewport_size(before)


def shown(portal: Portal, path: str) -> None:
    portal.go(path)
    portal.page.locator("h1").wait_for()
    portal.settle()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(portal: Portal, place: Organization, subtests: pytest.Subtests, scheme: str) -> None:
    portal.page.emulate_media(color_scheme=scheme)
    for path in (*SCREENS, f"people/{next(iter(place.people))}"):
        with subtests.test(path):
            shown(portal, path)
            assert violations(portal) == []
    portal.go("members")
    portal.page.get_by_role("button", name="Invite", exact=True).click()
    assert violations(portal) == []


def test_axe_finds_nothing_before_a_login(open_portal: Any, subtests: pytest.Subtests) -> None:
    portal = open_portal()
    for path in DOORS:
        with subtests.test(path):
            shown(portal, path)
            assert violations(portal) == []


def test_no_screen_is_wider_than_a_small_phone(portal: Portal, place: Organization, subtests: pytest.Subtests) -> None:
    portal.page.set_viewport_size({"width": NARROW, "height": 740})
    for path in (*SCREENS, f"people/{next(iter(place.people))}"):
        with subtests.test(path):
            shown(portal, path)
            assert portal.page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_the_overview_works_by_keyboard(portal: Portal) -> None:
    portal.page.locator(".people .rows .line").first.wait_for()
    portal.page.reload()
    portal.page.locator(".people .rows .line").first.wait_for()
    portal.page.keyboard.press("Tab")
    expect(portal.page.get_by_role("link", name="Skip to content")).to_be_focused()
    portal.page.keyboard.press("Enter")
    expect(portal.page.locator("main")).to_be_focused()
    person = portal.page.get_by_role("link", name="Grace Lindqvist")
    for _ in range(30):
        portal.page.keyboard.press("Tab")
        if person.evaluate("it => it === document.activeElement"):
            break
    assert person.evaluate("it => getComputedStyle(it).outlineStyle") == "solid"
    portal.page.keyboard.press("Enter")
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Grace Lindqvist")
    expect(portal.page.get_by_role("heading", level=1)).to_be_focused()
