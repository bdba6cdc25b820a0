"""The gateway's pages for people: languages, what they may load, and the files that they load."""

import gzip
import hashlib
import html
import re
import tomllib
from html.parser import HTMLParser

import pytest

from heartguard_gateway.own_routes.pages import DIRECTORY
from tests.service.gateway.stack import Answer, GunicornProcess

PAGES = ("/", "/?lang=es", "/docs", "/docs/errors", "/schemas")
HTML = "text/html; charset=utf-8"


class Loaded(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of a script, style, picture or link."""
        found = dict(attrs)
        if tag in ("script", "img") and found.get("src"):
            self.loads.add(str(found["src"]))
        elif tag == "link":
            self.loads.add(str(found["href"]))
        elif tag == "a":
            self.links.add(str(found["href"]))


def language(answer: Answer) -> str:
    """The language that a page says it is in."""
    found = re.search(rb'<html lang="(\w+)">', answer.body)
    assert found
    return found[1].decode()


@pytest.mark.parametrize(
    ("accepted", "query", "shown"),
    [
        (None, "", "en"),
        ("es", "", "es"),
        ("es-AR,es;q=0.9,en;q=0.8", "", "es"),
        ("fr, en;q=0.5, es;q=0.9", "", "es"),
        ("fr", "", "en"),
        ("es;q=0", "", "en"),
        ("es", "?lang=en", "en"),
        ("en", "?lang=es", "es"),
    ],
)
def test_the_landing_page_is_in_the_language_of_the_browser(
    gateway: GunicornProcess, accepted: str | None, query: str, shown: str
) -> None:
    answer = gateway.ask("GET", f"/{query}", {"Accept-Language": accepted} if accepted else {})
    assert (answer.status, answer.headers["content-type"], language(answer)) == (200, HTML, shown)
    assert "Accept-Language" in answer.headers["vary"]


def test_the_landing_page_leads_to_no_demo_where_there_is_none(gateway: GunicornProcess) -> None:
    """Where there is one, tests/portal/test_entry.py follows the link."""
    assert b"demo" not in gateway.ask("GET", "/?lang=en").body


def test_an_unknown_language_or_parameter_is_refused(gateway: GunicornProcess) -> None:
    assert gateway.ask("GET", "/?language=es").code == "GEN_422"
    assert language(gateway.ask("GET", "/?lang=fr")) == "en"
    assert gateway.ask("GET", "/", {"Accept": "application/json"}).status == 406


@pytest.mark.parametrize("path", ["/docs/", "/docs/errors/", "/schemas/"])
def test_a_page_is_found_with_a_slash_behind_its_path(gateway: GunicornProcess, path: str) -> None:
    assert gateway.ask("GET", path).body == gateway.ask("GET", path.rstrip("/")).body
    assert gateway.ask("GET", path.rstrip("/") + "//").status == 404
    assert gateway.ask("GET", "//").status == 404


def test_whatever_a_page_loads_or_links_to_is_here(gateway: GunicornProcess) -> None:
    for path in PAGES:
        answer = gateway.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, HTML)
        loaded = Loaded(answer.body)
        for target in loaded.loads | {link for link in loaded.links if not link.startswith("#")}:
            assert target.startswith("/"), (path, target)
            assert gateway.ask("GET", target).status == 200, (path, target)


def test_no_page_may_load_from_elsewhere_or_be_framed(gateway: GunicornProcess) -> None:
    for path in PAGES:
        answer = gateway.ask("GET", path)
        policies = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policies
        if "default-src" not in policies:  # then the page itself has it, with the hash of its style
            found = re.findall(rb'Content-Security-Policy" content="([^"]+)"', answer.body)
            policies = html.unescape(found[0].decode())
        assert "default-src 'none'" in policies
        assert "http:" not in policies
        assert "https:" not in policies


def test_the_portal_may_send_to_its_own_origin_only(gateway: GunicornProcess) -> None:
    policy = gateway.ask("GET", "/portal").headers["content-security-policy"]
    assert "connect-src 'self'" in policy.split("; ")


def test_a_page_that_the_browser_has_is_not_sent_again(gateway: GunicornProcess) -> None:
    for path in (*PAGES, "/assets/site.css", "/assets/scalar.js"):
        tag = gateway.ask("GET", path).headers["etag"]
        again = gateway.ask("GET", path, {"If-None-Match": tag})
        assert (again.status, again.body) == (304, b""), path


def test_a_large_script_is_sent_as_it_is_kept(gateway: GunicornProcess) -> None:
    plain = gateway.ask("GET", "/assets/scalar.js")
    packed = gateway.ask("GET", "/assets/scalar.js", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
    assert gzip.decompress(packed.body) == plain.body
    refused = gateway.ask("GET", "/assets/scalar.js", {"Accept-Encoding": "gzip;q=0"})
    assert refused.body == plain.body
    assert gateway.ask("GET", "/assets/vendored.toml").status == 404
    assert gateway.ask("GET", "/assets/index.en.html").status == 404


def test_vendored_libraries_are_the_recorded_bytes_with_their_licence() -> None:
    directory = DIRECTORY / "vendor"
    libraries = tomllib.loads((directory / "vendored.toml").read_text(encoding="utf-8"))["libraries"]
    for library in libraries:
        body = gzip.decompress((directory / f"{library['file']}.gz").read_bytes())
        assert hashlib.sha256(body).hexdigest() == library["sha256"]
        assert library["licence"] in (directory / f"{library['file']}.LICENSE").read_text(encoding="utf-8")
    files = {library["file"] for library in libraries}
    assert {path.name for path in directory.iterdir()} == {
        "vendored.toml",
        *(f"{name}.gz" for name in files),
        *(f"{name}.LICENSE" for name in files),
    }
