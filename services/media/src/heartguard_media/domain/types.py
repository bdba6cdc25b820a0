"""The type of a file, as stated and as its first bytes show it.

Two libraries detect it: puremagic knows signatures, xtractmime is the standard by which browsers guess
(WHATWG MIME Sniffing). The rules below decide what follows when they and the declared type differ.
"""

import re
from collections.abc import Iterator

import puremagic
from xtractmime import extract_mime, is_binary_data

HEAD_BYTES = 4096
_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}( ?; ?{_WORD}={_WORD})*")
_ACTIVE = frozenset({"text/html", "text/xml", "application/xml", "application/x-httpd-php", "application/x-sh"})
_SCRIPT = re.compile(r"(?:text|application)/(?:x-)?(?:java|ecma|j|live)script(?:1\.[0-5])?")
_SVG = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s>]", re.IGNORECASE)
_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "application/x-gzip": "application/gzip",
    "application/x-zip-compressed": "application/zip",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
}
# Formats with a signature in their first bytes; a file that is declared as one of them must have it.
_WITH_SIGNATURE = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/heic", "image/avif"),
        *("application/pdf", "application/zip", "application/gzip", "application/dicom", "audio/wav", "audio/flac"),
    }
)
# Formats whose signature no other format has: it proves any other declared type wrong.
_UNIQUE = frozenset({"image/png", "image/jpeg", "image/gif", "application/pdf"})
_OPAQUE = "application/octet-stream"


def is_media_type(text: str) -> bool:
    """Whether a Content-Type is one (RFC 9110 section 8.3.1)."""
    return len(text) <= 255 and _MEDIA_TYPE.fullmatch(text) is not None


def is_active(name: str) -> bool:
    """Whether an application might execute files of this type: HTML, all XML, scripts."""
    return name in _ACTIVE or name.endswith("+xml") or _SCRIPT.fullmatch(name) is not None


def is_allowed(content_type: str, patterns: tuple[str, ...]) -> bool:
    """Whether the allow-list allows a type. Wildcards don't include active types, which must be named themselves."""
    name = essence(content_type)
    if name in patterns:
        return True
    return not is_active(name) and ("*/*" in patterns or f"{name.partition('/')[0]}/*" in patterns)


def contradiction(content_type: str, head: bytes) -> str | None:
    """The type that the first bytes have instead of the declared one; None where they don't contradict it.

    No content contradicts `application/octet-stream`, because it is stored and served as just that.
    """
    declared = _known(content_type)
    if declared == _OPAQUE or is_active(declared):
        return None
    if _is_text(declared):
        return _OPAQUE if _is_binary(head) else None
    return _markup(head) or _other_format(declared, head)


def _other_format(declared: str, head: bytes) -> str | None:
    found = set(_signatures(head))
    if declared in found:
        return None
    proof = sorted(found & _UNIQUE)
    if proof:
        return proof[0]
    if declared in _WITH_SIGNATURE:
        return "something else"
    is_media = declared.startswith(("image/", "audio/", "video/"))
    return "text/plain" if is_media and not _is_binary(head) else None


def essence(content_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def _known(content_type: str) -> str:
    name = essence(content_type)
    return _SAME.get(name, name)


def _is_text(name: str) -> bool:
    return (name.startswith("text/") or name == "application/json") and not is_active(name)


def _is_binary(head: bytes) -> bool:
    # A byte order mark makes it text, whatever bytes follow (WHATWG MIME Sniffing, section 7.2).
    return not head.startswith((b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf")) and is_binary_data(head)


def _markup(head: bytes) -> str | None:
    """The markup that a browser would detect in the bytes, or an SVG that it would not detect by itself."""
    if _is_binary(head):
        return None
    if _SVG.search(head):
        return "image/svg+xml"
    found = extract_mime(head)
    name = found.decode("ascii", "replace") if found else ""
    return name if name in ("text/html", "text/xml") else None


def _signatures(head: bytes) -> Iterator[str]:
    if not head:
        return
    try:
        for match in puremagic.magic_string(head):
            yield _SAME.get(match.mime_type, match.mime_type)
    except puremagic.PureError:
        return  # it raises this when it knows no format
