"""Pictures of the portal: every screen in both languages, wide and phone, light and dark, for docs/portal.

python -m tests.portal.screenshots [DIRECTORY] [--sizes wide,phone] [--screens overview,person] [--whole]

With `--whole` a picture has the whole length of its screen. Other sizes are narrow (360 px), laptop (1,440), huge
(2,560), zoom (1,280 px at 200 %) and print (the width of A4).
"""

import argparse
import itertools
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values
from PIL import Image

from heartguard_common.core.paths import REPO_ROOT
from tests.clone import Clone
from tests.portal.browser import Portal, launched
from tests.portal.seeding import Organization, watched_clinic

DOCUMENTS = REPO_ROOT / "docs/portal"
SIZES = {
    "wide": (1280, 800),
    "phone": (390, 844),
    "narrow": (360, 740),
    "laptop": (1440, 900),
    "huge": (2560, 1440),
    "zoom": (640, 400),
    "print": (718, 1015),
}
LOCALES = {"en": "en-GB", "es": "es-ES"}
SCHEMES = ("light", "dark")
BEFORE_LOGIN = ("landing", "login", "forgot", "reset", "accept", "confirm")
OPERATOR = ("operator", "accounts", "work", "backups")
FONT = """<fontconfig><include>/etc/fonts/fonts.conf</include><match>
<test name="family"><string>DejaVu Sans</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit></match></fontconfig>"""
CHAT = "ntfy.clinic.example"  # there is none: nothing is sent anywhere
AFTER_LOGIN = (
    *("overview", "person", "alarms", "alarm", "notifications", "rules", "rule", "members", "invite", "files"),
    *("imports", "keys", "organization", "audit", "account"),
)
OWN = ("mine",)  # what somebody with the role user sees
ALL = (*BEFORE_LOGIN, *AFTER_LOGIN, *OWN, *OPERATOR)
LONG = ("person", "alarm", "rule", "mine")  # shown in their whole length


@dataclass(frozen=True)
class Form:
    """How a screen is seen."""

    language: str
    size: str = "wide"
    scheme: str = "light"

    def name(self, screen: str) -> str:
        return f"{screen}-{self.language}-{self.size}-{self.scheme}.png"


@contextmanager
def speaking(language: str) -> Iterator[Any]:
    """A Chromium that writes dates as the language does (Debian: chromium-l10n), with a font like those most have."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as fonts:
        fonts.write(FONT)
        fonts.flush()
        with launched(FONTCONFIG_FILE=fonts.name, LANGUAGE=LOCALES[language].replace("-", "_")) as browser:
            yield browser


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


def small(png: bytes) -> bytes:
    """The same picture with a palette, a third of the bytes: the 64 usual colours exactly, all others nearly."""
    whole = Image.open(BytesIO(png)).convert("RGBA")
    pixels = memoryview(whole.tobytes()).cast("I")
    counted = Counter(pixels)
    usual = array("I", [colour for colour, _ in counted.most_common(64)])
    each = Image.frombytes("RGBA", (len(counted), 1), array("I", counted).tobytes()).convert("RGB")
    others = each.quantize(256 - len(usual), Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    index = {colour: len(usual) + at for colour, at in zip(counted, others.tobytes(), strict=True)}
    index |= {colour: at for at, colour in enumerate(usual)}
    reduced = Image.frombytes("P", whole.size, bytes(map(index.__getitem__, pixels)))
    exact = Image.frombytes("RGBA", (len(usual), 1), usual.tobytes()).convert("RGB").tobytes()
    reduced.putpalette([*exact, *(others.getpalette() or [])])
    written = BytesIO()
    reduced.save(written, "PNG", optimize=True)
    return written.getvalue()


@dataclass
class Photographer:
    """Takes the pictures of one form after the other; `token` is the operator's."""

    browser: Any
    place: Organization
    token: str
    directory: Path
    whole: bool

    def take(self, form: Form, screens: list[str]) -> None:
        """Write the pictures of these screens, in one window."""
        width, height = SIZES[form.size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=2 if form.size == "zoom" else 1,
            locale=LOCALES[form.language],
            color_scheme=form.scheme,
            timezone_id="Europe/Madrid",
            reduced_motion="reduce",
        )
        portal = Portal.opened(context, self.place.url)
        emails = {AFTER_LOGIN: self.place.admin, OWN: next(iter(self.place.people.values()))}
        for group in (BEFORE_LOGIN, OPERATOR, AFTER_LOGIN, OWN):
            wanted = [it for it in group if it in screens]
            if wanted and group in emails:
                portal.log_in(emails[group])
            if wanted and group is OPERATOR:
                portal.go("operator")
                portal.page.locator("input[type=password]").fill(self.token)
                portal.page.locator("button.main").click()
                portal.page.locator("table").first.wait_for()
            for screen in wanted:
                self.show(portal, screen, form)
                self.write(portal.page, screen, form)
                portal.page.keyboard.press("Escape")  # ends a dialog
            if wanted and group in emails:  # so that the next account shows no session of this one
                portal.page.locator(".who button:not([lang])").click()
                portal.page.locator("main.narrow").wait_for()
        portal.check()
        context.close()

    def show(self, portal: Portal, screen: str, form: Form) -> None:
        """Bring a screen into the state that its picture has."""
        page = portal.page
        paths = {it: f"operator/{it}" for it in OPERATOR[1:]}
        paths |= {"person": f"people/{next(iter(self.place.people))}?range=24h"}
        paths |= {"alarm": f"alarms/{self.place.alarms(severity='critical')[0]['id']}", "rule": "rules/new"}
        paths |= {"invite": "members"}
        if screen == "landing":
            page.goto(f"{self.place.url}/?lang={form.language}")
        else:
            portal.go(paths.get(screen, screen))
        page.locator("h1").wait_for()
        portal.settle()
        page.mouse.move(0, 0)
        if screen == "rule":
            rehearse(portal, form.language)
        if screen == "invite":
            page.locator(".heading button").click()
            page.locator("dialog input").first.fill("nora.vega@clinic.example")
        if screen == "audit":
            page.locator(".card").first.get_by_role("button").click()
            page.locator(".card .state.good").first.wait_for()

    def write(self, page: Any, screen: str, form: Form) -> None:
        if form.size == "print":
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            page.emulate_media(media="print")
            page.wait_for_timeout(300)  # a chart is drawn again
        png = page.screenshot(full_page=self.whole or screen in LONG)
        (self.directory / form.name(screen)).write_bytes(small(png))
        if form.size == "print":
            page.emulate_media(media="screen")
            page.evaluate("dispatchEvent(new Event('afterprint'))")


def rehearse(portal: Portal, language: str) -> None:
    """Try a new rule on the values of a month."""
    page = portal.page
    page.locator("form input[type=text]").first.fill("Training" if language == "en" else "Entrenamiento")
    page.locator("form input[type=number]").first.fill("105")
    form = page.locator(".rehearsal form")
    form.locator("select").first.select_option(label="Ana García")
    form.get_by_role("button").click()
    page.locator(".result figure").wait_for()
    portal.settle()


def forms(sizes: list[str]) -> Iterator[Form]:
    """Each language, size and scheme; what is printed has no scheme."""
    for size, language, scheme in itertools.product(sizes, LOCALES, SCHEMES):
        if size != "print" or scheme == "light":
            yield Form(language, size, scheme)


def gallery() -> str:
    """The page that lists the pictures of docs/portal."""
    shown = list(forms(["wide", "phone"]))
    names = [f"{it.language}, {it.size}, {it.scheme}" for it in shown]
    rows = [
        "# Pictures of the portal",
        "Every screen in both languages, wide and on a phone, light and dark. All data are invented. The guide",
        "explains the screens, in [English](../guides/portal.md) and [Spanish](../guides/portal.es.md);",
        "[portal/README.md](../../portal/README.md) says how to make the pictures.",
        "",
        f"| screen | {' | '.join(names)} |",
        "|---" * (len(shown) + 1) + "|",
        *(f"| {name} | {' | '.join(f'[see]({it.name(name)})' for it in shown)} |" for name in ALL),
    ]
    return "\n".join(rows) + "\n"


def main() -> None:
    """Start a system with a clinic, take the pictures, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?", default=DOCUMENTS)
    parser.add_argument("--sizes", default="wide,phone")
    parser.add_argument("--screens", default=",".join(ALL))
    parser.add_argument("--whole", action="store_true")
    chosen = parser.parse_args()
    chosen.directory.mkdir(parents=True, exist_ok=True)
    if chosen.directory == DOCUMENTS:
        (DOCUMENTS / "README.md").write_text(gallery(), encoding="utf-8")
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
            for form in forms(chosen.sizes.split(",")):
                with speaking(form.language) as browser:
                    taking = Photographer(browser, place, token, chosen.directory, chosen.whole)
                    taking.take(form, chosen.screens.split(","))
        finally:
            clone.stop()


if __name__ == "__main__":
    main()
