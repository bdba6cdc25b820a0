"""Files, uploads, and the scope of a request (whose files)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DOCUMENT_LIMIT = 5 * 1024 * 1024


@dataclass(frozen=True)
class MediaItem:
    """A file of a member; `created_at` is RFC 3339 text, `size` in bytes, `sha256` lower-case hexadecimal.

    While `status` is pending, `size` is what is reserved of the quota, and `sha256` what the client stated, or empty.
    One `for_import` never becomes ready: the influx service reads and removes it.
    """

    id: str
    org_id: int
    owner_id: int
    file_name: str
    content_type: str
    size: int
    sha256: str
    status: str
    created_at: str
    for_import: bool = False

    @property
    def key(self) -> str:
        """The name of the object with the bytes."""
        return object_key(self.org_id, self.owner_id, self.id)


@dataclass(frozen=True)
class Announcement:
    """An unfinished direct upload; `expires_at` is RFC 3339 text: until then its bytes must begin to come."""

    item: MediaItem
    expires_at: str


@dataclass(frozen=True)
class Upload:
    """An upload: what the client states of the file; `limit` and the declared `length` in bytes."""

    file_name: str
    content_type: str
    limit: int
    length: int | None = None
    sha256: str | None = None


ArchiveKind = Literal["person", "series"]


@dataclass(frozen=True)
class ArchiveContent:
    """What an archive is: all data of its owner, or points of `about` (None: of the whole organization)."""

    kind: ArchiveKind
    content_type: str
    about: int | None = None

    @property
    def file_name(self) -> str:
        """Under which it is saved."""
        if self.kind == "person":
            return "heartguard-export.zip"
        return "heartguard-series.parquet" if "parquet" in self.content_type else "heartguard-series.csv"

    @property
    def days(self) -> int:
        """For how many days it is kept."""
        return 7 if self.kind == "person" else 1


@dataclass(frozen=True)
class Written:
    """A stored object: its size in bytes and their SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Scope:
    """Whose files are meant: an organization's, or one member's of it."""

    org_id: int
    owner_id: int | None = None
    content_type: str | None = None


@dataclass(frozen=True)
class Usage:
    """What an organization stores: visible files, and bytes including those reserved by unfinished uploads."""

    items: int
    bytes: int


@dataclass(frozen=True)
class Ticket:
    """How to send the bytes of a file: one PUT request to `url` with these headers."""

    url: str
    headers: Mapping[str, str]


def object_folder(scope: Scope) -> str:
    """The common prefix of all objects of an organization, or of a member."""
    return f"org_{scope.org_id}" if scope.owner_id is None else f"org_{scope.org_id}/user_{scope.owner_id}"


def object_key(org_id: int, owner_id: int, item_id: str) -> str:
    """The name of an object; it contains nothing that a client chooses."""
    return f"org_{org_id}/user_{owner_id}/{item_id}"
