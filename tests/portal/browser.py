"""Chromium with the portal in it, and what must never happen there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.portal.seeding import PASSWORD

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
XML = "application/xml"
FILES = "/media/upload?file_name="  # the body is a file
REPORTS = """
document.addEventListener('securitypolicyviolation', (it) => console.error('CSP', it.violatedDirective));
"""
BUSY = ".loading, .busy, [aria-busy=true]"
PATIENCE_MS = 30_000  # ends what hangs; nothing is measured by it


def chromium() -> str:
    """Where Chromium is; skips the test without one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on the PATH (Debian: apt install chromium)")
    return found


@contextmanager
def launched(**environment: str) -> Iterator[Any]:
    """A running Chromium; it gets these variables of the environment besides ours."""
    program = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=list(ARGUMENTS), env={**os.environ, **environment}
        )
        yield browser
        browser.close()


@dataclass
class Portal:
    """A page with the portal. `errors` are those of console and scripts, `asked` the calls of the API, `open` those of
    them without the end of an answer; streams are in `streams` instead.

    `expected` are parts of console messages that the test itself provokes, such as a status.
    """

    page: Any
    url: str
    errors: list[str] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    open: set[Any] = field(default_factory=set)
    streams: list[Any] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    @classmethod
    def opened(cls, context: Any, url: str) -> "Portal":
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        portal = cls(page, url)
        page.add_init_script(REPORTS)
        page.on("console", portal._said)
        page.on("pageerror", lambda it: portal.errors.append(str(it)))
        page.on("dialog", lambda it: portal.errors.append(f"a script was run: {it.message}"))
        page.on("request", portal._begun)
        for event in ("requestfinished", "requestfailed"):
            page.on(event, portal._ended)
        return portal

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location['url']})")

    def _begun(self, request: Any) -> None:
        if "/api/v1/stream?" in request.url:
            self.streams.append(request)
            return
        self.open.add(request)
        if "/api/v1/" in request.url:
            self.asked.append(request)

    def _ended(self, request: Any) -> None:
        self.open.discard(request)

    def go(self, path: str = "") -> None:
        """Open a place of the portal, in the same document where it is open already."""
        self.page.goto(f"{self.url}/portal/#/{path}")

    def log_in(self, email: str, password: str = PASSWORD) -> None:
        self.go("login")
        self.page.locator("input[type=email]").fill(email)
        self.page.locator("input[type=password]").fill(password)
        self.page.locator("button.main").click()
        self.page.locator("header.bar").wait_for()

    def settle(self) -> None:
        """Wait until nothing is asked for and everything is drawn."""
        from playwright.sync_api import expect

        expect(self.page.locator(BUSY)).to_have_count(0, timeout=PATIENCE_MS)
        quiet = 0
        for _ in range(PATIENCE_MS // 100):  # a stream never ends, so the page is never without a request
            self.page.wait_for_timeout(100)
            quiet = 0 if self.open else quiet + 1
            if quiet >= 3:
                break
        expect(self.page.locator(BUSY)).to_have_count(0, timeout=PATIENCE_MS)

    def check(self) -> None:
        """No error, no report, and nothing but XML was asked for or sent, except for files as they are."""
        found = [text for text in self.errors if not any(part in text for part in self.expected)]
        assert not found, found
        for request in self.asked:
            headers = request.headers
            assert headers.get("accept") == XML, request.url
            if FILES not in request.url:
                assert headers.get("content-type", XML) == XML, request.url
            assert "format=json" not in request.url
        for request in self.streams:
            assert request.headers.get("accept") == "text/event-stream", request.url
            assert "format=xml" in request.url
            assert "eyJ" not in request.url
