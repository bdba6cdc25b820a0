"""A browser, and a clinic with twenty people, for all tests of the portal."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.portal.browser import Portal, chromium, launched
from tests.portal.seeding import Organization, clinic, ward
from tests.running import RunningSystem


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium; skipped without one."""
    with launched() as it:
        yield it


@pytest.fixture(scope="session")
def place(browser: Any, running_system: RunningSystem) -> Organization:
    """The clinic, in the running system."""
    chromium()
    return clinic(running_system.gateway_url)


@pytest.fixture(scope="session")
def alarmed(browser: Any, running_system: RunningSystem) -> Organization:
    """The ward with alarms, in the running system."""
    chromium()
    return ward(running_system.gateway_url)


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A browser's window without cookies."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="Europe/Madrid")
    yield made
    made.close()


@pytest.fixture
def open_portal(context: Any, place: Organization) -> Iterator[Callable[[], Portal]]:
    """Opens the portal in a tab; at the end each must be without errors, and have asked for XML only."""
    opened: list[Portal] = []

    def make() -> Portal:
        opened.append(Portal.opened(context, place.url))
        return opened[-1]

    yield make
    for portal in opened:
        portal.check()


@pytest.fixture
def portal(open_portal: Callable[[], Portal], place: Organization) -> Portal:
    """The portal with the clinic's admin logged in."""
    made = open_portal()
    made.log_in(place.admin)
    return made
