"""XSD 1.0 from the JSON Schema of a resource: objects become xs:all, arrays wrapped sequences, maps entries."""

from collections.abc import Mapping
from typing import Any

from lxml import etree

Schema = Mapping[str, Any]

XS = "http://www.w3.org/2001/XMLSchema"
NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+\-]?[0-9]+)?"
INTEGER = r"-?(0|[1-9][0-9]*)"
# Every character a document may hold: no control but tab and newline, no surrogate, no U+FFFE and U+FFFF.
TEXT = "[\t\n -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*"
FACETS = {
    "minLength": "minLength",
    "maxLength": "maxLength",
    "minimum": "minInclusive",
    "maximum": "maxInclusive",
}
HEADER = "<!-- Made by schemas/build.py from {source}: change that file, not this one. -->\n"


def xsd(resource: str, resources: Mapping[str, Schema]) -> bytes:
    """The XSD of one resource; other resources it refers to are included by file name."""
    body = _Writer(resource, resources).schema()
    etree.indent(body)
    # ASCII with character references: the classes of characters hold some that no editor shows.
    text = etree.tostring(body, encoding="us-ascii").decode()
    header = HEADER.format(source=f"{resource}.schema.json")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{header}{text}\n'.encode()


class _Writer:
    def __init__(self, resource: str, resources: Mapping[str, Schema]) -> None:
        self._resource = resource
        self._resources = resources
        self._included: set[str] = set()
        self._root = self._start()

    def _start(self) -> etree._Element:
        """The root. A namespace is the default one too, so that types of files included without one are in it."""
        spaces = {
            schema.get("xml", {}).get("namespace") for schema in self._resources[self._resource]["$defs"].values()
        }
        space = next(iter(spaces - {None}), None)
        if space is None:
            return etree.Element(f"{{{XS}}}schema", nsmap={"xs": XS}, elementFormDefault="unqualified")
        return etree.Element(
            f"{{{XS}}}schema", nsmap={"xs": XS, None: space}, targetNamespace=space, elementFormDefault="qualified"
        )

    def schema(self) -> etree._Element:
        definitions = self._resources[self._resource]["$defs"]
        for name, schema in definitions.items():
            self._define(self._root, schema, name)
        for name in definitions:
            if name[0].isupper():
                xml = definitions[name].get("xml", {})
                unwrap = xml.get("x-unwrap")
                inner = definitions[name]["properties"][unwrap]["$ref"].rpartition("/")[2] if unwrap else name
                _add(self._root, "element", name=xml.get("name", name), type=inner)
        for position, other in enumerate(sorted(self._included)):
            self._root.insert(position, etree.Element(f"{{{XS}}}include", schemaLocation=f"{other}.xsd"))
        return self._root

    def _resolve(self, schema: Schema) -> tuple[Schema, str | None]:
        """The schema a reference means, and the name of its type; the schema itself and None without one."""
        if "$ref" not in schema:
            return schema, None
        file, _, pointer = schema["$ref"].partition("#")
        resource = file.removesuffix(".schema.json") or self._resource
        if resource != self._resource:
            self._included.add(resource)
        name = pointer.rpartition("/")[2]
        return self._resources[resource]["$defs"][name], name

    def _define(self, parent: etree._Element, schema: Schema, name: str | None, owner: str = "") -> None:
        """Write the type of a schema under `parent`: named at the top, anonymous inside an element."""
        owner = name or owner
        types = _types(schema)
        if types <= {"string", "integer", "number", "boolean"}:
            if len(types) > 1:
                self._union(parent, schema, name, owner)
            else:
                self._simple(parent, schema, name)
            return
        element = _add(parent, "complexType", **({"name": name} if name else {}))
        _describe(element, schema)
        if types == {"array"}:
            self._array(element, schema, owner)
        elif "properties" in schema:
            self._object(element, schema, owner)
        else:
            self._map(element, schema, owner)

    def _simple(self, parent: etree._Element, schema: Schema, name: str | None) -> None:
        element = _add(parent, "simpleType", **({"name": name} if name else {}))
        _describe(element, schema)
        kind = next(iter(_types(schema)))
        base = {"string": "string", "integer": "integer", "number": "double", "boolean": "boolean"}[kind]
        if schema.get("format") == "date-time":
            base = "dateTime"
        facets = _add(element, "restriction", base=f"xs:{base}")
        own = schema["pattern"][1:-1] if "pattern" in schema else None
        text = None if "enum" in schema else TEXT
        pattern = {"string": own or text, "integer": INTEGER, "number": NUMBER, "boolean": "true|false"}[kind]
        if pattern:
            _add(facets, "pattern", value=pattern)
        for value in schema.get("enum", ()):
            _add(facets, "enumeration", value=value)
        for keyword, facet in FACETS.items():
            if keyword in schema and base != "dateTime":
                _add(facets, facet, value=_lexical(schema[keyword]))

    def _union(self, parent: etree._Element, schema: Schema, name: str | None, owner: str) -> None:
        """A scalar of several types: text, and an attribute that says which type it is (none: a string)."""
        self._simple(self._root, {"type": "string", "maxLength": schema["maxLength"]}, f"{owner}.text")
        element = _add(parent, "complexType", **({"name": name} if name else {}))
        _describe(element, schema)
        content = _add(_add(element, "simpleContent"), "extension", base=f"{owner}.text")
        kinds = _add(_add(_add(content, "attribute", name="type"), "simpleType"), "restriction", base="xs:string")
        for kind in sorted(_types(schema)):
            _add(kinds, "enumeration", value=kind)

    def _object(self, element: etree._Element, schema: Schema, owner: str) -> None:
        members = _add(element, "all")
        for name, member in schema["properties"].items():
            occurs = {} if name in schema.get("required", ()) else {"minOccurs": "0"}
            self._element(members, name, member, f"{owner}.{name}", occurs)

    def _array(self, element: etree._Element, schema: Schema, owner: str) -> None:
        items = _add(element, "sequence")
        name = schema["items"]["xml"]["name"]
        self._element(items, name, schema["items"], f"{owner}.{name}", _occurs(schema, "Items"))

    def _map(self, element: etree._Element, schema: Schema, owner: str) -> None:
        entries = _add(element, "sequence")
        occurs = _occurs(schema, "Properties")
        if schema.get("xml", {}).get("x-keys") == "elements":
            _add(entries, "any", namespace="##local", processContents="skip", **occurs)
            return
        values, name = self._resolve(schema["additionalProperties"])
        if name is None:
            name = f"{owner}.value"
            self._define(self._root, values, name)
        entry = _add(entries, "element", name="entry", **occurs, **_nillable(values))
        content = _add(_add(_add(entry, "complexType"), "simpleContent"), "extension", base=name)
        keys, key_type = self._resolve(schema["propertyNames"])
        attribute = _add(content, "attribute", name="key", use="required")
        if key_type:
            attribute.set("type", key_type)
        else:
            self._simple(attribute, keys, None)

    def _element(self, parent: etree._Element, name: str, schema: Schema, owner: str, occurs: dict[str, str]) -> None:
        meant, type_name = self._resolve(schema)
        element = _add(parent, "element", name=name, **occurs, **_nillable(meant))
        if type_name:
            element.set("type", type_name)
        else:
            self._define(element, schema, None, owner)


def _types(schema: Schema) -> set[str]:
    stated = schema["type"]
    return ({stated} if isinstance(stated, str) else set(stated)) - {"null"}


def _nillable(schema: Schema) -> dict[str, str]:
    return {"nillable": "true"} if "null" in schema["type"] and schema["type"] != "null" else {}


def _occurs(schema: Schema, what: str) -> dict[str, str]:
    return {"minOccurs": str(schema.get(f"min{what}", 0)), "maxOccurs": str(schema[f"max{what}"])}


def _lexical(value: float) -> str:
    return repr(value)


def _add(parent: etree._Element, name: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XS}}}{name}", attributes)


def _describe(element: etree._Element, schema: Schema) -> None:
    if "description" in schema:
        _add(_add(element, "annotation"), "documentation").text = schema["description"]
