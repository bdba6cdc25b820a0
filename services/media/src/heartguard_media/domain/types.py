"""What a file is: by what is said of it and by what its first bytes say.

Two libraries look: puremagic knows signatures, xtractmime is the standard by which a browser would guess
(WHATWG MIME Sniffing). The rules below say what follows when they and the declared type differ.
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
# Formats that announce themselves in their first bytes; a file that says to be one of them must.
_MARKED = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/heic", "image/avif"),
        *("application/pdf", "application/zip", "application/gzip", "application/dicom", "audio/wav", "audio/flac"),
    }
)
# Marks that nothing else begins with: they prove any other declared type wrong.
_UNMISTAKABLE = frozenset({"image/png", "image/jpeg", "image/gif", "application/pdf"})
_OPAQUE = "application/octet-stream"


def is_media_type(text: str) -> bool:
    """Whether a Content-Type is one (RFC 9110 section 8.3.1)."""
    return len(text) <= 255 and _MEDIA_TYPE.fullmatch(text) is not None


def is_active(name: str) -> bool:
    """Whether a reader might run what is in files of this type: HTML, everything of XML, scripts."""
    return name in _ACTIVE or name.endswith("+xml") or _SCRIPT.fullmatch(name) is not None


def is_allowed(content_type: str, patterns: tuple[str, ...]) -> bool:
    """Whether the allow-list names a type. Active types have to be named themselves: a wildcard leaves them out."""
    name = essence(content_type)
    if name in patterns:
        return True
    return not is_active(name) and ("*/*" in patterns or f"{name.partition('/')[0]}/*" in patterns)


def contradiction(content_type: str, head: bytes) -> str | None:
    """What the first bytes are instead of the declared type; None where they don't contradict it.

    Whatever `application/octet-stream` holds, it is kept and served as just that.
    """
    declared = _known(content_type)
    if declared == _OPAQUE or is_active(declared):
        return None
    if _is_text(declared):
        return _OPAQUE if _is_binary(head) else None
    return _markup(head) or _other_format(declared, head)


def _other_format(declared: str, head: bytes) -> str | None:
    marks = set(_marks(head))
    if declared in marks:
        return None
    proof = sorted(marks & _UNMISTAKABLE)
    if proof:
        return proof[0]
    if declared in _MARKED:
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
    """The markup that a browser would see in the bytes, or an SVG that it would not recognize by itself."""
    if _is_binary(head):
        return None
    if _SVG.search(head):
        return "image/svg+xml"
    found = extract_mime(head)
    name = found.decode("ascii", "replace") if found else ""
    return name if name in ("text/html", "text/xml") else None


def _marks(head: bytes) -> Iterator[str]:
    if not head:
        return
    try:
        for match in puremagic.magic_string(head):
            yield _SAME.get(match.mime_type, match.mime_type)
    except puremagic.PureError:
        return  # what it says when it knows no format
