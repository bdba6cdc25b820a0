"""Bytes and documents: strict JSON, hardened XML, and the choice between them (RFC 8259, XML 1.0, RFC 9110)."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from lxml import etree

Document = dict[str, Any]

JSON = "application/json"
XML_TYPES = ("application/xml", "text/xml")
MAX_DEPTH = 64

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")


class Malformed(Exception):  # noqa: N818  it says what the body is
    """A body that is not what its media type says; the message is for the caller and quotes no value."""


def parse_json(body: bytes) -> Any:
    """The document in `body`, read strictly (RFC 8259, I-JSON RFC 7493).

    Raises Malformed for anything but UTF-8 without a byte order mark, duplicate keys, NaN and Infinity, numbers
    beyond a double, integers of more than 4,300 digits, lone surrogates and more than 64 levels.
    """
    document = read_json(body)
    require_depth(document)
    return document


def read_json(body: bytes) -> Any:
    """As `parse_json`, but the levels are not counted: for a reader whose contract bounds them anyway."""
    try:
        text = body.decode("utf-8")
        # Without a backslash no string holds a quote, and without a blank behind a string each key ends in `":`.
        if not any(sign in text for sign in _INTRICATE):
            document = _QUICK_DECODER.decode(text)
            if _keys(document) == text.count('":'):
                return document
        document = _DECODER.decode(text)
    except Malformed:
        raise
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8") from error
    except RecursionError as error:
        raise Malformed(TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise Malformed("A number has too many digits") from error
    if _ESCAPED_SURROGATE.search(text) and any_string(document, _SURROGATE):
        raise Malformed("A string holds a lone surrogate")
    return document


def _keys(document: Any) -> int:
    """How many keys the objects of a document have."""
    keys = 0
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if value.__class__ is dict:
            keys += len(value)
            waiting += [inner for inner in value.values() if inner.__class__ in _HOLDERS]
        elif value.__class__ is list:
            waiting += value
    return keys


def require_depth(document: Any) -> None:
    """Raise Malformed when a document has more than 64 levels."""
    layer = [document]
    for _ in range(MAX_DEPTH + 1):
        layer = [value for value in layer if isinstance(value, dict | list)]
        if not layer:
            return
        layer = [inner for value in layer for inner in (value.values() if isinstance(value, dict) else value)]
    raise Malformed(TOO_DEEP)


def dump_json(document: Any) -> bytes:
    """UTF-8 JSON without spaces; ValueError for NaN and infinities."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def parse_xml(body: bytes) -> "etree._Element":
    """The root element of `body`, without comments and processing instructions.

    Raises Malformed for anything but well-formed UTF-8, for a document type declaration (so there are no entities
    but XML's own five), and for more than 64 levels.
    """
    declared = _DECLARED_ENCODING.match(body.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Malformed("XML must be encoded in UTF-8")
    if declared and declared[1].lower() == b"us-ascii" and not body.isascii():
        raise Malformed("The body is not in the encoding that it declares")
    if b"<!DOCTYPE" in body and _has_doctype(body):
        raise Malformed("A document type declaration is not accepted")
    # One parser per call: a parser of lxml keeps the error log of its last document and is locked while it works.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True, strip_cdata=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Malformed(f"The body is not well-formed XML: line {line}, column {column}") from error
    if _TOO_DEEP_XML(root):
        raise Malformed(TOO_DEEP)
    return root


def xml_safe(text: str) -> str:
    """`text` with U+FFFD for each character no XML document can hold (XML 1.0 section 2.2)."""
    return _NOT_XML.sub("\ufffd", text)


def any_string(document: Any, pattern: re.Pattern[str]) -> bool:
    """Whether `pattern` is found in a string or a key anywhere in the document."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if pattern.search(value):
                return True
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def choose(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer an Accept header prefers, None when it accepts none (RFC 9110 section 12.5.1).

    The most specific range decides the quality of an offer; equal qualities fall to the earlier offer. No header, or
    an empty one, accepts everything.
    """
    if accept is None or not accept.strip():
        return offers[0] if offers else None
    ranges = [parsed for part in accept.split(",") if (parsed := _media_range(part))]
    best, best_quality = None, 0.0
    for offer in offers:
        matching = [(specific, quality) for name, specific, quality in ranges if _matches(name, offer)]
        quality = max(matching)[1] if matching else 0.0
        if quality > best_quality:
            best, best_quality = offer, quality
    return best


def _media_range(part: str) -> tuple[str, int, float] | None:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality, specific = 1.0, 0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            if not _QUALITY.match(value.strip()):
                return None
            quality = float(value)
            break
        if parameter and (key.strip(), value.strip(' "')) != ("charset", "utf-8"):
            return None  # no offer of ours carries parameters, so a range that asks for one matches nothing
        specific += 1
    if name != "*/*":
        specific += 100 if name.endswith("/*") else 200
    return name, specific, quality


def _matches(name: str, offer: str) -> bool:
    return name in ("*/*", offer) or (name.endswith("/*") and offer.startswith(name[:-1]))


def _unique(pairs: list[tuple[str, Any]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Malformed("An object has a key twice")
    return document


def finite(text: str) -> float:
    """The double `text` names; Malformed when it lies beyond the largest one."""
    number = float(text)
    if math.isinf(number):
        raise Malformed("A number is beyond the range of a double")
    return number


def whole(text: str) -> int:
    """The integer `text` names; Malformed when it has more than 4,300 digits."""
    try:
        return int(text)
    except ValueError as error:
        raise Malformed("A number has too many digits") from error


def _refuse_constant(_: str) -> NoReturn:
    raise Malformed("NaN and Infinity are not JSON")


def _has_doctype(body: bytes) -> bool:
    """Whether the declaration stands in the prolog: inside a comment or a CDATA section the same text is harmless."""
    position = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while body[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
            position += 1
        if body.startswith(b"<!DOCTYPE", position):
            return True
        closing = b"-->" if body.startswith(b"<!--", position) else b"?>"
        if closing == b"?>" and not body.startswith(b"<?", position):
            return False
        end = body.find(closing, position + 2)
        if end < 0:
            return False
        position = end + len(closing)


TOO_DEEP = f"The document has more than {MAX_DEPTH} levels"
_TOO_DEEP_XML = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_INTRICATE = ("\\", '" ', '"\t', '"\r', '"\n')
_HOLDERS = (dict, list)
_QUICK_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=finite)
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=finite)
