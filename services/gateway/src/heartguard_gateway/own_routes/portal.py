"""The web portal: one page, and files whose address names their version, so that browsers keep them for good."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.core.paths import REPO_ROOT
from heartguard_gateway.domain import Reply, Request
from heartguard_gateway.own_routes.pages import TYPES, Page

DIRECTORY = REPO_ROOT / "portal"
FOLDERS = ("core", "screens", "styles", "texts", "vendor")
_VERSION = "VERSION"  # in the page, in place of the version
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types heartguard-xml"
)
_PAGE_HEADERS = (
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
# The page names the version, so it is asked for each time; what it names never changes.
_PAGE_CACHE, _FILE_CACHE = "no-cache", "public, max-age=31536000, immutable"


class Portal:
    """The portal's page and files, compressed once at the start."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        contents = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in _files(directory)}
        page = (directory / "index.html").read_bytes()
        digest = hashlib.sha256(page)
        for name, content in contents.items():
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:16]
        self._page = Page.of(page.replace(_VERSION.encode(), self.version.encode()), ".html", _POLICY, _PAGE_CACHE)
        self._files: Mapping[str, Page] = MappingProxyType(
            {
                name: Page.of(gzip.compress(content, 9, mtime=0), Path(name).suffix, cache=_FILE_CACHE, packed=True)
                for name, content in contents.items()
            }
        )

    def page(self, request: Request) -> Reply:
        """The page that loads the portal."""
        reply = self._page.reply(request)
        reply.headers += _PAGE_HEADERS
        return reply

    def file(self, request: Request, version: str, name: str) -> Reply:
        """A script or style by `<folder>/<file>`. Raises GEN_404, also for a version that is no longer served."""
        page = self._files.get(name)
        if page is None or version != self.version:
            raise ServiceError(NOT_FOUND)
        return page.reply(request)


def _files(directory: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((directory / folder).iterdir()):
            if path.suffix in TYPES and not path.name.endswith(".d.ts"):
                yield path
