"""Pictures of the portal: those of docs/portal, or with a directory every screen in each language, size and scheme.

python -m tests.portal.screenshots [DIRECTORY]
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values

from heartguard_common.core.paths import REPO_ROOT
from tests.clone import Clone
from tests.portal.browser import Portal, launched
from tests.portal.seeding import Organization, watched_clinic

DOCUMENTS = REPO_ROOT / "docs/portal"
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
LOCALES = {"en": "en-GB", "es": "es-ES"}
SCHEMES = ("light", "dark")
BEFORE_LOGIN = ("landing", "login", "forgot", "accept", "confirm")
OPERATOR = ("operator", "work")
CHAT = "ntfy.clinic.example"  # there is none: nothing is sent anywhere
AFTER_LOGIN = (
    *("overview", "person", "alarms", "alarm", "notifications", "rules", "rule", "members", "files", "imports", "keys"),
    *("organization", "audit", "account"),
)


@dataclass(frozen=True)
class Picture:
    """One screen in one language, size and scheme."""

    screen: str
    language: str
    size: str = "wide"
    scheme: str = "light"

    @property
    def name(self) -> str:
        return f"{self.screen}-{self.language}-{self.size}-{self.scheme}.png"


SHOWN = (
    Picture("login", "en"),
    Picture("login", "es", "phone", "dark"),
    Picture("overview", "en"),
    Picture("overview", "es", scheme="dark"),
    Picture("overview", "es", "phone"),
    Picture("person", "en"),
    Picture("person", "es", scheme="dark"),
    Picture("person", "en", "phone", "dark"),
    Picture("alarms", "en"),
    Picture("alarms", "es", "phone", "dark"),
    Picture("alarm", "en"),
    Picture("alarm", "es", scheme="dark"),
    Picture("notifications", "en"),
    Picture("notifications", "es", "phone", "dark"),
    Picture("rules", "en"),
    Picture("rule", "es"),
    Picture("rule", "en", "phone"),
    Picture("landing", "en"),
    Picture("members", "es"),
    Picture("keys", "en"),
    Picture("files", "es"),
    Picture("imports", "en"),
    Picture("organization", "en"),
    Picture("audit", "es"),
    Picture("operator", "en"),
    Picture("work", "es"),
    Picture("account", "en"),
    Picture("account", "es", "phone"),
)


def every() -> Iterator[Picture]:
    for values in itertools.product((*BEFORE_LOGIN, *AFTER_LOGIN, *OPERATOR), LOCALES, SIZES, SCHEMES):
        yield Picture(*values)


def furnish(place: Organization) -> None:
    """Keys, files and imports, in several states; who is notified."""
    place.post("/auth/api-keys", {"kind": "integration", "name": "Dashboard of the ward", "scopes": ["points_read"]})
    keys = {"name": "Night report", "scopes": ["points_read", "people_read"], "networks": ["192.0.2.0/24"]}
    place.post("/auth/api-keys", {"kind": "integration", **keys})
    place.post("/auth/api-keys", {"kind": "device", "name": "Watch of Dr. Martín"})
    doctor = {"name": "Dr. Martín", "kind": "email", "user_id": place.number}
    shift = {"name": "Night shift", "kind": "apprise", "url": f"ntfys://{CHAT}/night"}
    first, second = (str(place.post("/alarms/channels", it)["id"]) for it in (shift, doctor))
    steps = [{"after_seconds": 0, "channels": [first]}, {"after_seconds": 600, "channels": [first, second]}]
    place.post("/alarms/policies", {"name": "Ward at night", "steps": steps, "default": True})
    place.post("/alarms/policies", {"name": "Doctor only", "steps": [{"after_seconds": 120, "channels": [second]}]})
    report = b"%PDF-1.4\n" + b" " * 240_000
    for name, kind, body in (("Consent Ana García.pdf", "application/pdf", report), ("notes.txt", "text/plain", b"x")):
        headers = place.bearer | {"Content-Type": kind}
        sent = requests.put(f"{place.url}/media/upload", body, params={"file_name": name}, headers=headers, timeout=60)
        assert sent.status_code == 201, sent.text
    table = b"time,bpm\n2024-06-01T10:00:00Z,61\n2024-06-01T10:00:01Z,x\nyesterday,64\n"
    files = {"activity.fit": (REPO_ROOT / "examples/activity.fit").read_bytes(), "strap.csv": table, "old.fit": b"?"}
    for name, body in files.items():
        person = next(iter(place.people))
        ticket = place.post("/imports", {"file_name": name, "size": len(body), "user_id": person})
        sent = requests.put(str(ticket["url"]), body, headers=dict(ticket["headers"]), timeout=60)  # type: ignore[call-overload]
        assert sent.status_code == 201, sent.text


def take(browser: Any, place: Organization, picture: Picture, directory: Path, token: str) -> None:
    """Write one picture into the directory; `token` is the operator's."""
    width, height = SIZES[picture.size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=LOCALES[picture.language],
        color_scheme=picture.scheme,
        timezone_id="Europe/Madrid",
        reduced_motion="reduce",
    )
    portal = Portal.opened(context, place.url)
    paths = {"person": f"people/{next(iter(place.people))}?range=24h", "work": "operator/work"}
    if picture.screen in OPERATOR:
        portal.go("operator")
        portal.page.locator("input[type=password]").fill(token)
        portal.page.locator("button.main").click()
        portal.page.locator("table").first.wait_for()
    if picture.screen in AFTER_LOGIN:
        paths |= {"alarm": f"alarms/{place.alarms(severity='critical')[0]['id']}", "rule": "rules/new"}
        portal.log_in(place.admin)
    if picture.screen == "landing":
        portal.page.goto(f"{place.url}/?lang={picture.language}")
    else:
        portal.go(paths.get(picture.screen, picture.screen))
    portal.page.locator("h1").wait_for()
    portal.settle()
    if picture.screen == "rule":
        rehearse(portal)
    if picture.screen == "audit":
        portal.page.locator(".card").first.get_by_role("button").click()
        portal.page.locator(".card .state.good").first.wait_for()
    portal.page.screenshot(path=directory / picture.name, full_page=picture.screen in ("person", "alarm", "rule"))
    portal.check()
    context.close()


def rehearse(portal: Portal) -> None:
    """Try a new rule on the values of a month."""
    page = portal.page
    page.locator("form input[type=text]").first.fill(
        "Training" if "en" in page.locator("html").get_attribute("lang") else "Entrenamiento"
    )
    page.locator("form input[type=number]").first.fill("105")
    form = page.locator(".rehearsal form")
    form.locator("select").first.select_option(label="Ana García")
    form.get_by_role("button").click()
    page.locator(".result figure").wait_for()
    portal.settle()


def main() -> None:
    """Start a system with a clinic, take the pictures, stop it."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        clone = Clone.make(Path(temporary))
        clone.hash_lightly()
        try:
            url = f"http://127.0.0.1:{clone.ports['gateway']}"
            started = clone.start(HEARTGUARD_ENV="test", PUBLIC_URL=url, ALARM_HOSTS=CHAT)
            assert started.returncode == 0, started.stdout + started.stderr
            place = watched_clinic(url)
            furnish(place)
            token = dotenv_values(clone.root / ".env")["OPERATOR_TOKEN"] or ""
            with launched() as browser:
                for picture in SHOWN if directory == DOCUMENTS else every():
                    take(browser, place, picture, directory, token)
        finally:
            clone.stop()


if __name__ == "__main__":
    main()
