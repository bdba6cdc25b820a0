"""The gateway's pages for people, and the scripts, styles and pictures that they load: all from this host."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.http import etag
from heartguard_gateway.domain import Headers, Reply, Request

DIRECTORY = Path(__file__).resolve().parent.parent / "pages"
LANGUAGES = ("en", "es")  # the first one is for those who prefer neither
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}
_GZIP = ".gz"
_NOTHING_ELSE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; {_NOTHING_ELSE}"
)
# Scalar puts its style sheet into the page itself, and icons as data URLs.
_REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    f"connect-src 'self'; {_NOTHING_ELSE}"
)
_CACHE = "public, max-age=300"
_DEMO_LINK = re.compile(rb'<li class="demo">.*</li>\n')
_GENERATED_POLICY = "frame-ancestors 'none'"  # beside the one in the page, which knows its style by its hash


@dataclass(frozen=True)
class Page:
    """A file as it is sent. `stored` is gzip where `packed` says so.

    `policy` is its Content-Security-Policy, `cache` its Cache-Control.
    """

    stored: bytes
    media_type: str
    tag: str
    policy: str = ""
    cache: str = _CACHE
    packed: bool = False

    @classmethod
    def of(cls, stored: bytes, suffix: str, policy: str = "", cache: str = _CACHE, *, packed: bool = False) -> "Page":
        """A page of these bytes, with a strong entity tag."""
        return cls(stored, TYPES[suffix], f'"{hashlib.sha256(stored).hexdigest()[:32]}"', policy, cache, packed)

    @cached_property
    def body(self) -> bytes:
        """The bytes as they are without a content coding, unpacked when a client first needs them so."""
        return gzip.decompress(self.stored) if self.packed else self.stored

    def reply(self, request: Request, *, vary: str = "") -> Reply:
        """The page, or 304 where the client has it."""
        headers: Headers = [("ETag", self.tag), ("Cache-Control", self.cache)]
        if vary:
            headers.append(("Vary", vary))
        if self.policy:
            headers.append(("Content-Security-Policy", self.policy))
        condition = request.headers.get("if-none-match")
        if condition is not None and etag.matches(condition, self.tag):
            return Reply(304, headers)
        headers += [("Content-Type", self.media_type), ("X-Content-Type-Options", "nosniff")]
        if self.packed and _accepts_gzip(request):
            # The strong tag names the bytes before they were packed (RFC 9110 section 8.8.3).
            headers[0] = ("ETag", f"W/{self.tag}")
            return Reply(200, [*headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")], self.stored)
        return Reply(200, headers, self.body)


class Pages:
    """The landing page in two languages, the API reference, pages that are generated with the contract, and assets.

    `generated` has the HTML of the error codes and of the index of schemas, by name; `demo` says whether the landing
    page leads to the demo.
    """

    def __init__(self, generated: Mapping[str, bytes], directory: Path = DIRECTORY, *, demo: bool = False) -> None:
        self._landing = {language: _landing(directory / f"index.{language}.html", demo=demo) for language in LANGUAGES}
        self._reference = Page.of((directory / "docs.html").read_bytes(), ".html", _REFERENCE_POLICY)
        self._generated = {name: Page.of(body, ".html", _GENERATED_POLICY) for name, body in generated.items()}
        self._assets = MappingProxyType(dict(_assets(directory)))

    def landing(self, request: Request, language: str | None) -> Reply:
        """What HeartGuard is, in `language`, else in the one that Accept-Language prefers."""
        if language not in LANGUAGES:
            wanted = parse_accept_header(request.headers.get("accept-language", ""), LanguageAccept)
            language = wanted.best_match(LANGUAGES, LANGUAGES[0])
        return self._landing[language].reply(request, vary="Accept-Language")

    def reference(self, request: Request) -> Reply:
        """The API reference: a page that draws openapi.json."""
        return self._reference.reply(request)

    def generated(self, request: Request, name: str) -> Reply:
        """A page that is generated with the contract."""
        return self._generated[name].reply(request)

    def asset(self, request: Request, name: str) -> Reply:
        """A script, style or picture. Raises GEN_404."""
        page = self._assets.get(name)
        if page is None:
            raise ServiceError(NOT_FOUND)
        return page.reply(request)


def _landing(path: Path, *, demo: bool) -> Page:
    page = path.read_bytes()
    return Page.of(page if demo else _DEMO_LINK.sub(b"", page), ".html", _POLICY)


def _assets(directory: Path) -> Mapping[str, Page]:
    found = {
        path.name: Page.of(path.read_bytes(), path.suffix)
        for path in sorted(directory.iterdir())
        if path.suffix in TYPES and path.suffix != ".html"
    }
    for path in sorted((directory / "vendor").iterdir()):
        if path.suffix == _GZIP:
            name = path.name.removesuffix(_GZIP)
            found[name] = Page.of(path.read_bytes(), Path(name).suffix, packed=True)
        elif path.suffix in TYPES:
            found[path.name] = Page.of(path.read_bytes(), path.suffix)
    return found


def _accepts_gzip(request: Request) -> bool:
    accepted = parse_accept_header(request.headers.get("accept-encoding", ""))
    return accepted.quality("gzip") > 0
