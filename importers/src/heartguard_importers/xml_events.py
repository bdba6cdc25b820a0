"""Reading XML as events, with the memory of one element and without any declaration of the document's author.

Parser: expat of the standard library. No DOCTYPE reaches it, so there are no entities but the five of XML, no external
references and no default attributes. Elements are as deep, and tags as long, as these formats need.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Protocol
from xml.parsers import expat

from heartguard_importers.files import Stream
from heartguard_importers.records import InvalidFileError, Report

_PROLOG_BYTES = 1024**2
_TAG_BYTES = 1024**2
_DEPTH = 64
_TEXT = 1_000
NEWLINE = b"\n"
NUL = b"\0"
_CONTROLS = bytes(set(range(32)) - {9, 10, 13})
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# Any other could hide a DOCTYPE from who looks for it among the bytes.
_ENCODINGS = {"utf-8": "utf-8", "ascii": "us-ascii", "iso8859-1": "iso-8859-1", "cp1252": "windows-1252"}


class Handler(Protocol):
    """What a format does with elements, whose names have no namespace."""

    def start(self, name: str, attributes: dict[str, str], depth: int) -> None:
        """An element begins; the root has depth 1."""

    def end(self, name: str, text: str, depth: int) -> None:
        """An element ends; `text` is what stood directly in it, at most 10,000 characters, without space around."""


def read(stream: Stream, handler: Handler, report: Report, *, doctype: bool = False) -> Iterator[None]:
    """Pass all elements to `handler`; yields after each piece of the file, so that the caller can give records on.

    A DOCTYPE is cut out where `doctype` says that the format has one, and refused elsewhere. Control characters, which
    XML forbids and Apple's export has, are left out. Raises InvalidFileError.
    """
    head = stream.peek(_PROLOG_BYTES)
    parser = expat.ParserCreate(_encoding(head, stream.name), namespace_separator=" ")
    events = _Events(parser, handler)
    report.place = lambda: f"{stream.name}, line {parser.CurrentLineNumber}"
    found = _doctype(head, stream.name, allowed=doctype)
    fed = 0
    try:
        for chunk in _without(stream, found):
            data = chunk.translate(None, _CONTROLS)
            fed += len(data)
            _feed(parser, data, stream.name)
            events.check(stream.name, fed)
            yield
        _feed(parser, None, stream.name)
    except InvalidFileError:
        yield  # for what was in front of the damage
        raise
    yield


class _Events:
    """The callbacks of the parser."""

    def __init__(self, parser: expat.XMLParserType, handler: Handler) -> None:
        self._parser = parser
        self._handler = handler
        self._texts: list[list[str]] = []
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._refuse

    def check(self, name: str, fed: int) -> None:
        """Raises InvalidFileError where the parser holds an unfinished tag of too many bytes."""
        if fed - max(0, self._parser.CurrentByteIndex) > _TAG_BYTES:
            raise InvalidFileError(f"{name}, line {self._parser.CurrentLineNumber}", "a tag or comment is too long")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._texts.append([])
        if len(self._texts) > _DEPTH:
            raise _RefusedError(f"elements are nested deeper than {_DEPTH}")
        self._handler.start(name.rpartition(" ")[2], attributes, len(self._texts))

    def _end(self, name: str) -> None:
        depth = len(self._texts)
        self._handler.end(name.rpartition(" ")[2], "".join(self._texts.pop()).strip(), depth)

    def _data(self, text: str) -> None:
        kept = self._texts[-1]
        if len(kept) < _TEXT // 10:
            kept.append(text[: _TEXT // 10])

    def _refuse(self, *_: object) -> None:
        raise _RefusedError("has a DOCTYPE where none may be")


class _RefusedError(Exception):
    """What a callback refuses; the place is added by whoever fed the parser."""


def _feed(parser: expat.XMLParserType, data: bytes | None, name: str) -> None:
    try:
        parser.Parse(data or b"", data is None)
    except expat.ExpatError as error:
        text = "the file ends before its last element" if data is None else expat.ErrorString(error.code)
        raise InvalidFileError(f"{name}, line {error.lineno}", text) from error
    except _RefusedError as error:
        raise InvalidFileError(f"{name}, line {parser.CurrentLineNumber}", str(error)) from error
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{name}, line {parser.CurrentLineNumber}", "has a byte that is no text") from error


def _encoding(head: bytes, name: str) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or NUL in head[:4]:
        raise InvalidFileError(name, "is not UTF-8")
    declared = _DECLARATION.match(head.removeprefix(codecs.BOM_UTF8))
    if declared is None:
        return "utf-8"
    try:
        return _ENCODINGS[codecs.lookup(declared[1].decode("ascii")).name]
    except LookupError as error:
        raise InvalidFileError(name, "declares an encoding that is not supported; save it as UTF-8") from error


def _doctype(head: bytes, name: str, *, allowed: bool) -> tuple[int, int] | None:
    """From where to where the bytes in front of the root element have a DOCTYPE. Raises InvalidFileError."""
    at = head.find(b"<!DOCTYPE")
    root = _root(head)
    if at < 0 or (0 <= root < at):
        return None
    place = f"{name}, line {head.count(NEWLINE, 0, at) + 1}"
    if not allowed:
        raise InvalidFileError(place, "has a DOCTYPE")
    opening = head.find(b">", at)
    subset = head.find(b"[", at)
    if 0 <= subset < opening:
        # Apple's DTD is not well-formed, so its end is looked for and its content is not.
        closing = re.compile(rb"\]\s*>").search(head, subset)
        end = closing.end() if closing else -1
    else:
        end = opening + 1 if opening >= 0 else -1
    if end < 0:
        raise InvalidFileError(place, f"the DOCTYPE does not end within {_PROLOG_BYTES} bytes")
    if b"<!ENTITY" in head[at:end]:
        raise InvalidFileError(place, "the DOCTYPE declares an entity")
    return at, end


def _root(head: bytes) -> int:
    """Where the first tag begins, or -1."""
    found = re.compile(rb"<[A-Za-z_]").search(head)
    return found.start() if found else -1


def _without(stream: Stream, cut: tuple[int, int] | None) -> Iterator[bytes]:
    """The bytes of a stream, with line ends only in place of those from `cut[0]` to `cut[1]`."""
    if cut is not None:
        start, end = cut
        head = stream.exactly(end)
        yield head[:start] + NEWLINE * head.count(NEWLINE, start)
    yield from stream.chunks()
