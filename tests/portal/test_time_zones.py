"""A browser where it is another day than in the organization, whose days those of a person are."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.portal.browser import Portal
from tests.portal.seeding import HOUR, found, rates
from tests.portal.test_access import shown
from tests.portal.test_screens import SCREENS
from tests.running import RunningSystem

pytest.importorskip("playwright")
from playwright.sync_api import expect

WEST, EAST = "Pacific/Pago_Pago", "Pacific/Kiritimati"  # UTC-11 and UTC+14: never the same day


@pytest.mark.parametrize(("organization_zone", "browser_zone"), [(WEST, EAST), (EAST, WEST)])
def test_days_are_those_of_the_organization(
    running_system: RunningSystem, browser: Any, organization_zone: str, browser_zone: str, subtests: pytest.Subtests
) -> None:
    name = organization_zone.split("/")[1].lower().replace("_", "-")
    place = found(running_system.gateway_url, f"admin@{name}.example", f"Clinic of {organization_zone}")
    policies = {"retention_days": None, "time_zone": organization_zone, "unknown_measurements": "reject"}
    url = f"{place.url}/organization/policies"
    assert requests.put(url, json=policies, headers=place.bearer, timeout=30).status_code == 200
    person = place.add("Tavita Leota", f"tavita@{name}.example")
    now = datetime.now(ZoneInfo(organization_zone))
    place.write(rates(person, now.timestamp() - 50 * HOUR, now.timestamp(), 60))
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id=browser_zone)
    portal = Portal.opened(context, place.url)
    portal.log_in(place.admin)
    for path in SCREENS:
        with subtests.test(path):
            shown(portal, path)
    shown(portal, f"people/{person}")
    day = portal.page.get_by_label("Day", exact=True)
    assert now.date() <= date.fromisoformat(day.input_value()) <= datetime.now(ZoneInfo(organization_zone)).date()
    assert day.get_attribute("max") == day.input_value()
    portal.page.get_by_role("button", name="Show the trend").click()
    portal.page.get_by_text("Show as a table", exact=True).click(timeout=60_000)
    yesterday = date.fromisoformat(day.input_value()) - timedelta(days=1)
    newest = portal.page.get_by_role("region", name="Resting rate by day").locator("tbody tr").first
    expect(newest).to_contain_text(re.compile(rf"\b{yesterday.day} {yesterday:%b}t? {yesterday.year}"))  # Sep or Sept
    expect(newest).to_contain_text("100%")
    portal.check()
    context.close()
