"""Every screen at the sizes that portal/README.md names, with 400 % zoom, and on paper."""

from collections.abc import Callable, Iterator

import pytest

from tests.portal.browser import Portal
from tests.portal.seeding import Organization
from tests.portal.test_access import shown
from tests.portal.test_screens import DOORS, SCREENS
from tests.running import RunningSystem

pytest.importorskip("playwright")
from playwright.sync_api import expect

WIDTHS = (320, 360, 640, 1440, 2560)  # 320 is 1,280 at 400 %, which WCAG 1.4.10 asks for; 640 is 1,280 at 200 %
CONTENT = 1760  # px: wider lines are hard to follow with the eyes
PAPER = 718  # px: A4 without its margins
OVER = """() => [...document.querySelectorAll("main *")].filter((it) => {
    const box = it.getBoundingClientRect();
    return box.right > innerWidth + 0.5 && box.width && !it.closest(".scroll, .hidden, figure, pre, nav");
}).map((it) => it.outerHTML.slice(0, 200))"""


def inside(place: Organization) -> Iterator[str]:
    """The screens of somebody who is logged in."""
    yield from SCREENS
    yield from (f"people/{next(iter(place.people))}?range=24h", "rules/new", "notifications", "choose")


def fits(portal: Portal, path: str) -> None:
    """Nothing is wider than the window, whatever width that has, and the content no wider than can be read."""
    for width in WIDTHS:
        portal.page.set_viewport_size({"width": width, "height": 800})
        portal.settle()  # charts get their new size a moment later
        assert portal.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        assert portal.page.evaluate(OVER) == [], (path, width)
        assert portal.page.locator("h1").first.bounding_box()["width"] <= CONTENT


def test_every_screen_fits_every_width(portal: Portal, place: Organization, subtests: pytest.Subtests) -> None:
    for path in inside(place):
        with subtests.test(path):
            shown(portal, path)
            fits(portal, path)


def test_what_stands_before_a_login_fits_every_width(
    place: Organization, open_portal: Callable[[], Portal], subtests: pytest.Subtests, running_system: RunningSystem
) -> None:
    portal = open_portal()
    for path in DOORS:
        with subtests.test(path):
            shown(portal, path)
            fits(portal, path)
    portal.go("operator")
    portal.page.get_by_label("Operator token").fill(running_system.operator["Authorization"].removeprefix("Bearer "))
    portal.page.get_by_role("button", name="Enter").click()
    for path in ("operator", "operator/work"):
        with subtests.test(path):
            shown(portal, path)
            fits(portal, path)
    portal.page.goto(f"{place.url}/")
    portal.page.locator("#status .pass").first.wait_for()
    for width in WIDTHS:
        portal.page.set_viewport_size({"width": width, "height": 800})
        assert portal.page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_has_the_tables_and_nothing_to_press(
    portal: Portal, place: Organization, subtests: pytest.Subtests
) -> None:
    page = portal.page
    for path in inside(place):
        with subtests.test(path):
            shown(portal, path)
            page.set_viewport_size({"width": PAPER, "height": 1000})
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            page.emulate_media(media="print")
            portal.settle()
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            for what in ("header.bar", "nav", "main button:not(.head *)", "summary", "main form:not(.rule *)"):
                expect(page.locator(f"{what} >> visible=true")).to_have_count(0)
            for table in page.locator("main table").all():
                expect(table).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
            page.emulate_media(media="screen")
            page.evaluate("dispatchEvent(new Event('afterprint'))")


def test_paper_has_all_people_and_all_values_of_a_chart(portal: Portal, place: Organization) -> None:
    page = portal.page
    portal.settle()
    page.set_viewport_size({"width": 1280, "height": 300})
    rows = page.locator(".people .rows .line")
    expect(rows).not_to_have_count(len(place.people) + 1)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(rows).to_have_count(len(place.people) + 1)
    shown(portal, f"people/{next(iter(place.people))}?range=6h")
    page.emulate_media(color_scheme="dark")
    screen = page.locator("figure canvas").evaluate("it => it.width")
    values = page.get_by_role("region", name="The values of the chart").locator("tbody tr")
    expect(values.first).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    expect(values.first).to_be_visible()
    assert page.locator("figure canvas").evaluate("it => it.width") <= PAPER < screen
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    expect(values.first).to_be_hidden()
