"""Reads element trees that their XSD accepts, with no check that the XSD has made already."""

from collections.abc import Callable
from typing import Any

from lxml.etree import XPath, _Element

from heartguard_common.contract.json_documents import Malformed
from heartguard_common.contract.shapes import Message, Shape
from heartguard_common.contract.xml_codec import CONVERSIONS, XSI

Read = Callable[[_Element], Any]

# An XSD accepts xsi:nil, xsi:type and xsi:schemaLocation anywhere; whether the contract does, `Decoder` decides.
_HAS_XSI = XPath("boolean(//@xsi:*)", namespaces={"xsi": XSI})


class Doubtful(Exception):  # noqa: N818  it says what the tree is
    """The tree may contain what the contract forbids and an XSD can't."""


def reader(message: Message) -> Read:
    """The function that returns the document of a root element that the message's XSD accepts.

    The function raises Doubtful where `xml_codec.Decoder` has to decide: attributes of XMLSchema-instance, a key that
    occurs twice, a number that JSON doesn't have, a value that isn't of the type that it says.
    """
    read = _read(message.shape.members[message.unwrap] if message.unwrap else message.shape)
    unwrap = message.unwrap

    def root(element: _Element) -> Any:
        if _HAS_XSI(element):
            raise Doubtful
        try:
            value = read(element)
        except (KeyError, Malformed) as error:
            raise Doubtful from error
        return {unwrap: value} if unwrap else value

    return root


def _read(shape: Shape) -> Read:
    return _READERS[shape.kind](shape)


def _scalar(shape: Shape) -> Read:
    if shape.union:
        return _union(shape)
    convert = CONVERSIONS[shape.text]
    return lambda element: convert(element.text or "")


def _union(shape: Shape) -> Read:
    """For a scalar of several types, whose attribute `type` says which it is."""
    conversions = {kind: CONVERSIONS[kind] for kind in shape.types} | {None: CONVERSIONS[shape.text]}

    def read(element: _Element) -> object:
        kind = element.get("type")
        value = conversions[kind](element.text or "")
        if kind is not None and kind != "string" and isinstance(value, str):
            raise Doubtful
        return value

    return read


def _object(shape: Shape) -> Read:
    readers = {name: _read(member) for name, member in shape.members.items()}

    def read(element: _Element) -> object:
        document = {child.tag: readers[child.tag](child) for child in element}
        if len(element) != len(document):
            raise Doubtful
        return document

    return read


def _array(shape: Shape) -> Read:
    assert shape.item is not None
    read = _read(shape.item)
    return lambda element: [read(child) for child in element]


def _map(shape: Shape) -> Read:
    assert shape.item is not None
    read_value = _read(shape.item)

    def read(element: _Element) -> object:
        document = {child.get("key"): read_value(child) for child in element}
        if len(element) != len(document) or None in document:
            raise Doubtful
        return document

    def read_by_name(element: _Element) -> object:
        # The XSD accepts any attributes and content there; `_union` checks the value of `type`.
        if any(child.keys() not in ([], ["type"]) or len(child) for child in element):
            raise Doubtful
        document = {child.tag: read_value(child) for child in element}
        if len(element) != len(document):
            raise Doubtful
        return document

    return read_by_name if shape.by_name else read


_READERS = {"scalar": _scalar, "object": _object, "array": _array, "map": _map}
