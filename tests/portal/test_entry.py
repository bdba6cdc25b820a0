"""Ways in: the landing page, the demo, several organizations of one person, confirming an address."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.portal.browser import Portal
from tests.portal.seeding import PASSWORD, Organization, found, spike
from tests.portal.test_access import NARROW, violations
from tests.running import RunningSystem

pytest.importorskip("playwright")
from playwright.sync_api import expect


@contextmanager
def visited(demo: Organization, system: RunningSystem) -> Iterator[None]:
    """Visitors are let into an organization; afterwards there is no demo, as other tests expect."""
    url = f"{demo.url}/organization/{demo.org_id}/mode"
    assert requests.put(url, json={"mode": "demo"}, headers=system.operator, timeout=60).ok
    try:
        yield
    finally:
        assert requests.put(url, json={"mode": "read_only"}, headers=system.operator, timeout=60).ok


def test_the_landing_page_leads_to_login_documentation_and_demo(
    open_portal: Callable[[], Portal], place: Organization, running_system: RunningSystem
) -> None:
    portal = open_portal()
    portal.expected = ("404", "403")
    page = portal.page
    page.goto(place.url)
    assert violations(portal) == []
    page.get_by_role("link", name="Español").click()
    expect(page.get_by_role("link", name="Iniciar sesión")).to_be_visible()
    expect(page.get_by_role("link", name="Documentación de la API")).to_be_visible()
    page.set_viewport_size({"width": NARROW, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    page.get_by_role("link", name="Probar la demostración").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no demo here at present.")
    assert violations(portal) == []
    demo = found(place.url, "demo@demo.example", "Demo")
    person = demo.add("Ana García", "ana@demo.example")
    demo.add("Visitor", "visitor@demo.example", "manager")
    demo.rule("High heart rate", 120)
    spike(demo, person, 130)
    demo.wait_for_alarms(1)
    with visited(demo, running_system):
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        expect(page.get_by_text("This is the demo")).to_be_visible()
        page.reload()
        page.get_by_role("link", name="Warning: High heart rate, Ana García").click()
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_role("alert")).to_contain_text("read-only")
        assert page.evaluate("() => JSON.stringify({...localStorage})") == "{}"
        page.get_by_role("button", name="Leave the demo").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def invited(by: Organization, email: str) -> str:
    return str(by.post("/auth/invitations", {"email": email, "role": "user"})["code"])


def test_somebody_with_an_account_joins_another_organization(
    open_portal: Callable[[], Portal], place: Organization
) -> None:
    email = "joins@first.example"
    found(place.url, email, "First")
    other, third = (found(place.url, f"host@{name}.example", name) for name in ("second", "third"))
    portal = open_portal()
    portal.expected = ("401", "409", "422", "403", "404")
    page = portal.page
    portal.go(f"accept?code={invited(other, email)}&email={email}")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_contain_text("already has an account")
    expect(page.get_by_role("button", name="I have an account")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_contain_text("E-mail or password is wrong.")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("navigation").get_by_role("link", name="My data")).to_be_visible()
    portal.go(f"accept?code={invited(third, email)}")
    expect(page.get_by_text(f"you join another organization as {email}")).to_be_visible()
    page.get_by_role("button", name="Join").click()
    page.locator("header.bar").wait_for()
    portal.go("account")
    current = page.locator(".organizations button", has_text="logged in now")
    expect(current).to_contain_text("third")


def test_somebody_with_two_organizations_chooses_one_and_leaves_both(
    open_portal: Callable[[], Portal], place: Organization
) -> None:
    email = "double@double.example"
    found(place.url, email, "First")
    other = found(place.url, "host@fourth.example", "Second <b>B</b>")
    joins = {"code": invited(other, email), "email": email, "password": PASSWORD}
    assert requests.post(f"{place.url}/auth/invitations/accept", json=joins, timeout=60).status_code == 201
    portal = open_portal()
    portal.expected = ("401", "404", "403")
    page = portal.page
    portal.go("alarms")
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("button.main").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose an organization")
    assert violations(portal) == []
    assert page.locator("main b b").count() == 0
    second = open_portal()
    second.expected = portal.expected
    second.go()
    second.page.locator("header.bar").wait_for()
    page.get_by_role("button", name="First Administrator").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alarms")  # the address before the login
    for tab in (page, second.page):
        expect(tab.get_by_role("navigation").get_by_role("link", name="Overview")).to_be_visible()
    portal.go("account")
    page.get_by_role("button", name="Delete me everywhere").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 organizations")
    page.get_by_role("dialog").get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    login = {"email": email, "password": PASSWORD}
    assert requests.post(f"{place.url}/auth/login", json=login, timeout=60).status_code == 401


def test_all_sessions_end_at_once(open_portal: Callable[[], Portal], place: Organization) -> None:
    ours = found(place.url, "sessions@sessions.example", "Sessions")
    portal = open_portal()
    portal.log_in("sessions@sessions.example")
    portal.go("account")
    portal.page.get_by_role("button", name="Log out everywhere").click()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert requests.get(f"{ours.url}/users/me", headers=ours.bearer, timeout=60).status_code == 401


def test_a_wrong_code_confirms_nothing_and_another_is_sent(open_portal: Callable[[], Portal]) -> None:
    portal = open_portal()
    portal.expected = ("422", "400", "404", "403")
    page = portal.page
    portal.go("confirm?email=somebody@example.org")
    assert violations(portal) == []
    page.get_by_label("Code").fill("<b>ABCD</b>")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is not valid")
    page.get_by_role("button", name="Send a code").click()
    expect(page.get_by_role("status")).to_contain_text("a code is on its way")
