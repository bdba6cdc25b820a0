"""Limits of how many values a body may contain, checked before it is parsed.

A body within its limit of bytes can contain millions of empty arrays, elements or attributes, and the parsed objects
take about fifty times as much memory as the bytes.
"""

import re
from dataclasses import dataclass
from xml.parsers import expat

from heartguard_common.contract.json_documents import MAX_DEPTH, TOO_DEEP, Malformed
from heartguard_common.contract.shapes import Shape

UNCOUNTED = 64 * 1024  # bytes; smaller bodies can't contain enough values to matter
_SLACK, _LEAST = 4, 1000  # a batch that is a little too long is left to the contract, whose violations have a pointer

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_PART = re.compile(rb'(?:[^"]++|"(?:[^"\\]|\\.)*+"){1,4096}', re.DOTALL)  # never ends inside a string
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(sign for sign in range(256) if sign not in b"[]{}")
_DEEP = b"[" * (MAX_DEPTH + 1)
_MOST_ATTRIBUTES = 8
_MANY_ATTRIBUTES = re.compile(
    rb"<[^\s<>/=\"']++(?:\s++[^\s<>/=\"']++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')){%d}" % (_MOST_ATTRIBUTES + 1)
)


class _StopParsing(Exception):  # noqa: N818  not an error
    """The rest of the body need not be parsed."""


@dataclass(frozen=True)
class SizeLimit:
    """The most values, and arrays and objects, that a message may have; the length of its shortest element name."""

    values: int
    containers: int
    shortest_name: int


def size_limit(shape: Shape, name: str) -> SizeLimit:
    """The size limit of a message of that shape, whose XML element has the name `name`."""
    if shape.kind == "scalar":
        return SizeLimit(1, 0, len(name))
    if shape.kind == "object":
        parts = [size_limit(member, key) for key, member in shape.members.items()]
        times = 1
    else:
        assert shape.item is not None
        key = "?" if shape.by_name else "entry"
        parts = [size_limit(shape.item, shape.item_name if shape.kind == "array" else key)]
        times = shape.schema["maxItems" if shape.kind == "array" else "maxProperties"]
    return SizeLimit(
        1 + times * sum(part.values for part in parts),
        1 + times * sum(part.containers for part in parts),
        min(len(name), *(part.shortest_name for part in parts)),
    )


def json_exceeds(body: bytes, limit: SizeLimit) -> bool:
    """Whether a JSON text has far more values than its message may have. Raises Malformed for more than 64 levels."""
    containers, values = (_SLACK * max(count, _LEAST) for count in (limit.containers, limit.values))
    if len(body) <= UNCOUNTED:
        return False
    if body.count(b"[") + body.count(b"{") <= containers and body.count(b",") <= values:
        return False
    commas, brackets = 0, bytearray()  # outside of strings
    for part in _PART.finditer(body):
        bare = _STRING.sub(b"", part[0])
        commas += bare.count(b",")
        brackets += bare.translate(_BRACKETS, _NO_BRACKETS)
    if _DEEP in brackets:
        raise Malformed(TOO_DEEP)
    return brackets.count(b"[") > containers or commas > values


def xml_exceeds(body: bytes, limit: SizeLimit) -> bool:
    """Whether an XML text has far more elements than its message may have, or an element with more than 8 attributes.

    Raises Malformed for more than 64 levels.
    """
    if len(body) <= UNCOUNTED:
        return False
    # A scalar has a start tag and an end tag, each with a name; an empty-element tag is an array or an object.
    elements = min(_SLACK * max(limit.values, _LEAST), limit.containers + len(body) // (2 * limit.shortest_name + 5))
    tags = body.count(b"<")
    quotes = body.count(b'"') + body.count(b"'")
    if quotes > 4 * tags + 2 * _MOST_ATTRIBUTES and _MANY_ATTRIBUTES.search(body):
        return True
    return tags > 2 * elements and _has_more_elements(body, elements)


def _has_more_elements(body: bytes, most_elements: int) -> bool:
    """Count the elements without building a tree. Raises Malformed for more than 64 levels."""
    found = depth = 0

    def start(_name: str, _attributes: object) -> None:
        nonlocal found, depth
        found, depth = found + 1, depth + 1
        if depth > MAX_DEPTH:
            raise Malformed(TOO_DEEP)
        if found > most_elements:
            raise _StopParsing

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise _StopParsing

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003  expat's
    except _StopParsing:
        return found > most_elements
    except expat.ExpatError:
        pass  # the parser that builds the tree reports it
    return False
