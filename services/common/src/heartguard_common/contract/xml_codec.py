"""Converts XML to documents and back; the contract says what is an array, what is a number and what may be null."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from lxml.etree import XPath, _Element

from heartguard_common.contract.json_documents import Malformed, finite, whole
from heartguard_common.contract.shapes import Message, Shape
from heartguard_common.contract.xml_documents import xml_safe
from heartguard_common.core.errors import Violation

XSI = "http://www.w3.org/2001/XMLSchema-instance"
NIL = f"{{{XSI}}}nil"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
MAX_VIOLATIONS = 100
MAX_POINTER = 1024
BLANKS = " \t\r\n"

Path = tuple[Any, ...]  # () at the root, else (path of the parent, key)

_PLAIN_ENTRIES = (["key"], ["key", "type"])
_LOCATIONS = frozenset({f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation"})
_MIXED = XPath("boolean(//*[*]/text()[normalize-space()])")
_HAS_TEXT = XPath("boolean(text()[normalize-space()])")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_CONTROL_IN_POINTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile('[&<>"\t\n\r]')
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def pointer(path: Path) -> str:
    """The JSON Pointer (RFC 6901) of a path, at most 1,024 characters, control characters shown as U+FFFD."""
    keys = []
    while path:
        path, key = path
        keys.append(str(key)[:MAX_POINTER].replace("~", "~0").replace("/", "~1"))
    text = "".join("/" + key for key in reversed(keys))
    return _CONTROL_IN_POINTER.sub("\ufffd", text[:MAX_POINTER])


def typed(text: str, kind: str) -> object:
    """The value of a text as `kind`; the text itself where it does not have that form, so that the schema refuses it.

    Raises Malformed for a number that no double can hold and for more than 4,300 digits, as in JSON.
    """
    return CONVERSIONS[kind](text)


def _date_time(text: str) -> object:
    return text.strip(BLANKS)


def _boolean(text: str) -> object:
    return {"true": True, "false": False}.get(text.strip(BLANKS), text)


def _number(text: str) -> object:
    match = _NUMBER.match(text.strip(BLANKS))
    if not match:
        return text
    return whole(match[0]) if match[1] is None and match[2] is None else finite(match[0])


def _integer(text: str) -> object:
    match = _NUMBER.match(text.strip(BLANKS))
    return whole(match[0]) if match and match[1] is None and match[2] is None else text


CONVERSIONS: dict[str, Callable[[str], object]] = {
    "string": str, "date-time": _date_time, "boolean": _boolean, "number": _number, "integer": _integer,
}  # fmt: skip


def root_tag(message: Message) -> str:
    """The tag of a message's root element as lxml writes it."""
    return f"{{{message.namespace}}}{message.root}" if message.namespace else message.root


def leave_namespace(root: _Element, namespace: str) -> None:
    """Rename the elements of a namespace to their local names; those of other namespaces stay unknown members."""
    prefix = f"{{{namespace}}}"
    for element in root.iter():
        element.tag = element.tag.removeprefix(prefix)


class Decoder:
    """Converts one element tree into a document, and collects up to 100 violations that a schema can't detect."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._mixed = False

    def message(self, root: _Element, message: Message) -> Any:
        """The document of a root element; raises Malformed for an element or a key that occurs twice."""
        # Checked once for the whole tree: in nearly every document no element contains both text and elements.
        self._mixed = bool(_MIXED(root))
        path: Path = ((), message.unwrap) if message.unwrap else ()
        shape = message.shape.members[message.unwrap] if message.unwrap else message.shape
        value = self._element(root, shape, path, _LOCATIONS)
        return {message.unwrap: value} if message.unwrap else value

    def _violation(self, path: Path, text: str) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(Violation(pointer(path), text))

    def _element(self, element: _Element, shape: Shape, path: Path, extra: frozenset[str] = frozenset()) -> object:
        names = element.keys()
        if names and self._is_nil(element, shape, path, extra, names):
            return None
        if shape.kind == "scalar":
            return self._scalar(element, shape, path)
        if not len(element):
            text = element.text
            if text and text.strip(BLANKS):
                return text
            return [] if shape.kind == "array" else {}
        if self._mixed and _HAS_TEXT(element):
            self._violation(path, "holds text beside elements")
        if shape.kind == "object":
            return self._object(element, shape, path)
        return self._array(element, shape, path) if shape.kind == "array" else self._map(element, shape, path)

    def _is_nil(
        self, element: _Element, shape: Shape, path: Path, extra: frozenset[str], names: Sequence[str | bytes]
    ) -> bool:
        for name in names:
            allowed = name in extra or name == NIL or (name == "type" and shape.union)
            if not allowed:
                self._violation(path, "has an attribute the contract does not know")
        nil = element.get(NIL)
        if nil is None:
            return False
        if nil.strip(BLANKS) not in ("true", "1"):
            if nil.strip(BLANKS) not in ("false", "0") or not shape.nullable:
                self._violation(path, "has an xsi:nil it may not have")
            return False
        if len(element) or element.text:
            self._violation(path, "is nil and yet has content")
        return True

    def _scalar(self, element: _Element, shape: Shape, path: Path) -> object:
        if len(element):
            if self._mixed and _HAS_TEXT(element):
                self._violation(path, "holds text beside elements")
            return {}
        text = element.text or ""
        kind = element.get("type") if shape.union else None
        if kind is None:
            return typed(text, shape.text)
        if kind not in shape.types:
            self._violation(path, "has a type the contract does not allow here")
            return text
        value = typed(text, kind)
        if kind != "string" and isinstance(value, str):
            self._violation(path, "does not have the type it says")
        return value

    def _object(self, element: _Element, shape: Shape, path: Path) -> object:
        document: dict[str, object] = {}
        members = shape.members
        for child in element:
            name = child.tag
            if name in document:
                raise Malformed("An element comes twice where it may come once")
            member = members.get(name)
            if member is None:
                document[name] = ""  # kept, so that the schema refuses the unknown member as it does in JSON
            elif member.kind == "scalar" and not len(child) and not child.keys():
                document[name] = typed(child.text or "", member.text)
            else:
                document[name] = self._element(child, member, (path, name))
        return document

    def _array(self, element: _Element, shape: Shape, path: Path) -> object:
        items: list[object] = []
        assert shape.item is not None
        for child in element:
            if child.tag == shape.item_name:
                items.append(self._element(child, shape.item, (path, len(items))))
            else:
                self._violation((path, child.tag), "is not known here")
        return items

    def _map(self, element: _Element, shape: Shape, path: Path) -> object:
        document: dict[str, object] = {}
        assert shape.item is not None
        extra = frozenset() if shape.by_name else frozenset({"key"})
        plain = _PLAIN_ENTRIES if shape.item.union and not shape.by_name else ()
        for child in element:
            key = child.tag if shape.by_name else child.get("key")
            if key is None or not (shape.by_name or child.tag == "entry"):
                self._violation((path, child.tag), "is not an entry with a key")
                continue
            if key in document:
                raise Malformed("A map has a key twice")
            if child.keys() in plain and not len(child):
                document[key] = self._scalar(child, shape.item, (path, key))
            else:
                document[key] = self._element(child, shape.item, (path, key), extra)
        return document


def encode(document: Any, message: Message) -> bytes:
    """The document as UTF-8 XML: elements in the order of the schema, null as xsi:nil.

    Raises ValueError for a member that the contract does not have.
    """
    shape = message.shape
    if message.unwrap:
        document, shape = document[message.unwrap], shape.members[message.unwrap]
    parts: list[str] = []
    _write(parts, message.root, f' xmlns="{message.namespace}"' if message.namespace else "", document, shape)
    body = "".join(parts)
    if "xsi:nil" in body:
        body = body.replace(message.root, f'{message.root} xmlns:xsi="{XSI}"', 1)
    return (DECLARATION + xml_safe(body)).encode()


def _write(parts: list[str], tag: str, attributes: str, value: object, shape: Shape) -> None:
    if value is None:
        parts.append(f'<{tag}{attributes} xsi:nil="true"/>')
    elif shape.kind == "scalar":
        kind = "" if isinstance(value, str) or not shape.union else _TYPE_ATTRIBUTE[type(value)]
        parts.append(f"<{tag}{attributes}{kind}>{_text(value)}</{tag}>")
    elif not value:
        parts.append(f"<{tag}{attributes}/>")
    else:
        parts.append(f"<{tag}{attributes}>")
        _WRITERS[shape.kind](parts, value, shape)
        parts.append(f"</{tag}>")


def _write_object(parts: list[str], document: Any, shape: Shape) -> None:
    written = 0
    for name, member in shape.members.items():
        if name in document:
            _write(parts, name, "", document[name], member)
            written += 1
    if written != len(document):
        raise ValueError("the document has a member its contract does not know")


def _write_array(parts: list[str], items: Any, shape: Shape) -> None:
    assert shape.item is not None
    for item in items:
        _write(parts, shape.item_name, "", item, shape.item)


def _write_map(parts: list[str], document: Any, shape: Shape) -> None:
    assert shape.item is not None
    for key, value in document.items():
        if shape.by_name:
            _write(parts, key, "", value, shape.item)
        else:
            quoted = key.translate(_ATTRIBUTE) if _SPECIAL.search(key) else key
            _write(parts, "entry", f' key="{quoted}"', value, shape.item)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.translate(_TEXT) if _SPECIAL.search(value) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


_WRITERS = {"object": _write_object, "array": _write_array, "map": _write_map}
_TYPE_ATTRIBUTE = {bool: ' type="boolean"', int: ' type="number"', float: ' type="number"'}
