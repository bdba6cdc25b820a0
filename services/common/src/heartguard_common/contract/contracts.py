"""The contracts of messages: they decode and check the bytes of JSON and XML, and encode documents."""

import re
import threading
from collections.abc import Callable, Iterable
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import jsonschema_rs
from lxml import etree

from heartguard_common.contract import shapes, size_limits, violations, xml_codec, xml_reader
from heartguard_common.contract.json_documents import Document, any_string, dump_json, read_json, require_depth
from heartguard_common.contract.representation import JSON, XML_TYPES
from heartguard_common.contract.xml_documents import parse_xml
from heartguard_common.core.errors import Violation
from heartguard_common.core.paths import SCHEMAS_DIR

__all__ = ["Contract", "Contracts", "Violation", "Violations"]

# A parsed document can contain a control character only if its bytes match: an escape, or raw bytes beyond ASCII.
_JSON_SUSPECT = re.compile(rb"\\[bfru]|\x7f|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]")
_XML_SUSPECT = re.compile(rb"&#|\x7f|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]")


def _is_suspect(body: bytes, escape: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether the document may contain a control character. Most bodies need no regular expression for that."""
    plain = body.isascii() and escape not in body and b"\x7f" not in body
    return not plain and pattern.search(body) is not None


_TOO_MUCH = Violation("", "holds more values than this message can have")


class Violations(Exception):  # noqa: N818  it says what they are
    """A well-formed document that violates its contract; `violations` are the first 100."""

    def __init__(self, found: Iterable[Violation]) -> None:
        self.violations = tuple(found)[: xml_codec.MAX_VIOLATIONS]
        super().__init__(f"{len(self.violations)} violations")


class Contract:
    """The contract of one message."""

    def __init__(self, message: shapes.Message, finder: violations.Finder, xsd: Callable[[], etree.XMLSchema]) -> None:
        self.name = message.name
        self._message = message
        self._finder = finder
        self._xsd = xsd
        self._size_limit = size_limits.size_limit(message.shape, message.name)

    @cached_property
    def _validator(self) -> jsonschema_rs.Draft202012Validator:
        return self._finder.validator({"$ref": f"#/$defs/{self.name}"})

    def decode(self, body: bytes, media_type: str) -> Document:
        """The checked document of a body in application/json, application/xml or text/xml.

        Raises Malformed (400) where the body is not of that format, Violations (422) where it breaks the contract.
        """
        if media_type == JSON:
            if size_limits.json_exceeds(body, self._size_limit):
                raise Violations([_TOO_MUCH])
            document = read_json(body)
            self._require(document, [], suspect=_is_suspect(body, b"\\", _JSON_SUSPECT))
        elif media_type in XML_TYPES:
            document = self._from_xml(body)
        else:
            raise ValueError(f"no codec for {media_type}")
        return self._canonical(document)

    def decode_query(self, pairs: Iterable[tuple[str, str]]) -> Document:
        """The checked document of query parameters or a form; values are converted as the text of XML elements is.

        Raises Violations, also for a repeated or unknown parameter; Malformed for a number that no double can hold.
        """
        document: Document = {}
        found: list[Violation] = []
        members = self._message.shape.members
        for name, text in pairs:
            if name in document:
                found.append(Violation(xml_codec.pointer(((), name)), "is given more than once"))
            elif name in members:
                document[name] = xml_codec.typed(text, members[name].text)
            else:
                document[name] = text
        self._require(document, found, suspect=True)
        return self._canonical(document)

    def encode(self, document: object, media_type: str) -> bytes:
        """The bytes of a document, without checking it; ValueError for an unknown media type or XML member."""
        if media_type == JSON:
            return dump_json(document)
        if media_type not in XML_TYPES:
            raise ValueError(f"no codec for {media_type}")
        return xml_codec.encode(document, self._message)

    def check(self, document: object) -> None:
        """Raises Violations when a document breaks the contract."""
        self._require(document, [], suspect=True)

    @cached_property
    def _read_valid(self) -> xml_reader.Read:
        return xml_reader.reader(self._message)

    def _from_xml(self, body: bytes) -> Document:
        if size_limits.xml_exceeds(body, self._size_limit):
            raise Violations([_TOO_MUCH])
        root = parse_xml(body)
        if root.tag != xml_codec.root_tag(self._message):
            raise Violations([Violation("", "the root element does not have the name of the message")])
        # The XSD does not say where a violation is; the decoder and JSON Schema find everything it refuses, with a
        # pointer. It copies each text while it validates, so it runs before the document holds another copy.
        valid = self._xsd().validate(root)
        if self._message.namespace:
            xml_codec.leave_namespace(root, self._message.namespace)
        found: list[Violation] = []
        try:
            document: Document | None = self._read_valid(root) if valid else None
        except xml_reader.Doubtful:
            document = None
        if document is None:
            decoder = xml_codec.Decoder()
            document = decoder.message(root, self._message)
            found = decoder.violations
        del root  # the last check copies each text too: the tree would be a third copy in memory
        self._require(document, found, suspect=_is_suspect(body, b"&#", _XML_SUSPECT), valid=valid)
        return document

    def _require(self, document: object, found: list[Violation], *, suspect: bool, valid: bool = True) -> None:
        """Raise Violations if `found` is not empty, or the document violates the contract.

        `suspect` says that the document may contain a control character, `valid` is the result of the XSD.
        """
        valid = valid and not found and not (suspect and any_string(document, violations.CONTROL))
        if not valid or not self._validator.is_valid(document):
            # A valid document is at most as deep as its contract, so depth is checked for the others only.
            require_depth(document)
            more = self._finder.find(document, self._message.shape)
            known = {violation.path for violation in found}
            found += [violation for violation in more if violation.path not in known]
            raise Violations(found or [Violation("", "does not satisfy its contract")])

    def _canonical(self, document: Document) -> Document:
        shape = self._message.shape
        checked: Document = _whole_numbers(document, shape) if shape.integers else document
        return checked


class Contracts:
    """All messages of a directory of schemas, by name.

    A contract is compiled when the first document is checked by it, and an XSD for the first in XML: a service checks
    few of the messages, and compiling all would cost every process 25 MB (D14).
    """

    def __init__(self, bundle: shapes.Bundle, directory: Path) -> None:
        self._bundle = bundle
        self._directory = directory
        self._finder = violations.Finder(bundle.schema["$defs"])
        self._names = tuple(bundle.message_names())
        self._contracts: dict[str, Contract] = {}
        self._xsds: dict[str, etree.XMLSchema] = {}
        self._lock = threading.RLock()

    @classmethod
    def load(cls, directory: Path = SCHEMAS_DIR) -> "Contracts":
        """The contracts of all `*.schema.json` of a directory, and of the XSDs generated from them; read once.

        Raises OSError when an XSD is missing, although XSDs are compiled later.
        """
        return _load(directory)

    def __getitem__(self, name: str) -> Contract:
        if name not in self._contracts:
            self._compile(name)
        return self._contracts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def names(self) -> tuple[str, ...]:
        """The names of all messages."""
        return self._names

    def _compile(self, name: str) -> None:
        with self._lock:
            if name not in self._names:
                raise KeyError(name)
            message = self._bundle.message(name)
            self._contracts[name] = Contract(message, self._finder, partial(self._xsd, message.resource))

    def _xsd(self, resource: str) -> etree.XMLSchema:
        if resource not in self._xsds:
            with self._lock:
                self._xsds.setdefault(resource, etree.XMLSchema(etree.parse(str(self._directory / f"{resource}.xsd"))))
        return self._xsds[resource]


@cache
def _load(directory: Path) -> Contracts:
    bundle = shapes.load(directory)
    for name in bundle.resources:
        (directory / f"{name}.xsd").stat()
    return Contracts(bundle, directory)


def _whole_numbers(value: Any, shape: shapes.Shape) -> Any:
    """A valid document with int for integers written as 1.0 or 1e2, which JSON Schema accepts as integers."""
    if value is None:
        return None
    if shape.kind == "scalar":
        return int(value) if isinstance(value, float) and "number" not in shape.types else value
    if shape.kind == "object":
        for name, inner in value.items():
            member = shape.members[name]
            if member.integers:
                value[name] = _whole_numbers(inner, member)
        return value
    assert shape.item is not None
    if shape.kind == "array":
        return [_whole_numbers(inner, shape.item) for inner in value]
    return {key: _whole_numbers(inner, shape.item) for key, inner in value.items()}
