"""How much a body may hold: counted in its bytes, before objects are made of them that cost fifty times as much.

A body within its limit of bytes can hold millions of empty arrays, elements or attributes, for a message of five texts.
"""

import re
from dataclasses import dataclass
from xml.parsers import expat

from heartguard_common.contract.json_documents import MAX_DEPTH, TOO_DEEP, Malformed
from heartguard_common.contract.shapes import Shape

UNCOUNTED = 64 * 1024  # smaller bodies can't hold enough to matter
_SLACK, _LEAST = 4, 1000  # a batch that is a little too long is refused by the contract, which says where

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_PART = re.compile(rb'(?:[^"]++|"(?:[^"\\]|\\.)*+"){1,4096}', re.DOTALL)  # of a text, never half a string
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(sign for sign in range(256) if sign not in b"[]{}")
_DEEP = b"[" * (MAX_DEPTH + 1)
_MOST_ATTRIBUTES = 8
_MANY_ATTRIBUTES = re.compile(
    rb"<[^\s<>/=\"']++(?:\s++[^\s<>/=\"']++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')){%d}" % (_MOST_ATTRIBUTES + 1)
)


class _Enough(Exception):  # noqa: N818  no error: the count is over
    """What follows need not be looked at."""


@dataclass(frozen=True)
class Quantity:
    """What a message has at most: values, arrays and objects among them; how short the name of an element can be."""

    values: int
    containers: int
    shortest: int


def most(shape: Shape, name: str) -> Quantity:
    """What a message of that shape has at most; `name` is its element's in XML."""
    if shape.kind == "scalar":
        return Quantity(1, 0, len(name))
    if shape.kind == "object":
        parts = [most(member, key) for key, member in shape.members.items()]
        times = 1
    else:
        assert shape.item is not None
        key = "?" if shape.by_name else "entry"
        parts = [most(shape.item, shape.item_name if shape.kind == "array" else key)]
        times = shape.schema["maxItems" if shape.kind == "array" else "maxProperties"]
    return Quantity(
        1 + times * sum(part.values for part in parts),
        1 + times * sum(part.containers for part in parts),
        min(len(name), *(part.shortest for part in parts)),
    )


def holds_too_much_json(body: bytes, limit: Quantity) -> bool:
    """Whether a JSON text has more values than its message can have. Raises Malformed for more than 64 levels."""
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


def holds_too_much_xml(body: bytes, limit: Quantity) -> bool:
    """Whether an XML text has more elements than its message can have, or one with more attributes than any has."""
    if len(body) <= UNCOUNTED:
        return False
    # A leaf has a start and an end tag with at least a name each; what is empty is an array or an object.
    elements = min(_SLACK * max(limit.values, _LEAST), limit.containers + len(body) // (2 * limit.shortest + 5))
    tags = body.count(b"<")
    quotes = body.count(b'"') + body.count(b"'")
    if quotes > 4 * tags + 2 * _MOST_ATTRIBUTES and _MANY_ATTRIBUTES.search(body):
        return True
    return tags > 2 * elements and _has_more_elements(body, elements)


def _has_more_elements(body: bytes, most_elements: int) -> bool:
    """Count the elements without making them. Raises Malformed for more than 64 levels."""
    found = depth = 0

    def start(_name: str, _attributes: object) -> None:
        nonlocal found, depth
        found, depth = found + 1, depth + 1
        if depth > MAX_DEPTH:
            raise Malformed(TOO_DEEP)
        if found > most_elements:
            raise _Enough

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise _Enough

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003  expat's
    except _Enough:
        return found > most_elements
    except expat.ExpatError:
        pass  # the parser that makes the document reports it
    return False
