"""Files as values, and the rules about them: who sees them, how a URL is signed, how a name is written."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

DOCUMENT_LIMIT = 5 * 1024 * 1024
_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}( ?; ?{_WORD}={_WORD})*")


@dataclass(frozen=True)
class MediaItem:
    """A file of a member; `created_at` is RFC 3339 text, `size` in bytes, `sha256` lower-case hexadecimal."""

    id: str
    org_id: int
    owner_id: int
    file_name: str
    content_type: str
    size: int
    sha256: str
    status: str
    created_at: str

    @property
    def key(self) -> str:
        """Where the bytes lie in the object store."""
        return object_key(self.org_id, self.owner_id, self.id)


@dataclass(frozen=True)
class Upload:
    """A file on its way in: what is said of it, `limit` in bytes, and `length` where it was declared."""

    file_name: str
    content_type: str
    limit: int
    length: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Written:
    """What an object store has taken: bytes and their SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Scope:
    """Whose files are meant: an organization's, or one member's of it."""

    org_id: int
    owner_id: int | None = None
    content_type: str | None = None


def object_key(org_id: int, owner_id: int, item_id: str) -> str:
    """The name of an object; nothing a client says is part of it."""
    return f"org_{org_id}/user_{owner_id}/{item_id}"


def is_media_type(text: str) -> bool:
    """Whether a Content-Type is one (RFC 9110 section 8.3.1)."""
    return len(text) <= 255 and _MEDIA_TYPE.fullmatch(text) is not None


def sign(secret: str, item_id: str, expires: int) -> str:
    """The signature of a download URL: reading this object until `expires`, in seconds since the epoch."""
    claim = f"heartguard media\nread\n{item_id}\n{expires}"
    return hmac.new(secret.encode(), claim.encode(), hashlib.sha256).hexdigest()


def signed(secret: str, item_id: str, expires: int, signature: str, now: int) -> bool:
    """Whether a download URL is ours, unaltered, and has not expired."""
    return hmac.compare_digest(sign(secret, item_id, expires), signature) and now < expires


def content_disposition(file_name: str) -> str:
    """`Content-Disposition: attachment` with the name for every reader (RFC 6266 section 4, RFC 8187).

    Path separators, quotes and marks that turn the reading direction become underscores: the name is data.
    """
    safe = "".join("_" if _dangerous(character) else character for character in file_name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode().strip() or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def _dangerous(character: str) -> bool:
    return character in '/\\"' or unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
