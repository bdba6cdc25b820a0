"""The schemas as the codec uses them: each message is a tree of objects, arrays, maps and scalars."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
SUFFIX = ".schema.json"
SCALARS = frozenset({"string", "integer", "number", "boolean"})


@dataclass(frozen=True, eq=False)
class Shape:
    """The contract of one value in a document.

    `kind` is object, array, map or scalar; `types` are the JSON types that a scalar may have, without null. `members`
    and `required` belong to objects, `item` and `item_name` to arrays, `item` and `by_name` (the key is the element's
    name) to maps. `integers` says whether this value or one inside may be an integer.

    A `union` is a scalar of several types; in XML an attribute gives its type. `text` is the type of a text without
    that attribute: a JSON type, or date-time.
    """

    kind: str
    schema: Schema
    nullable: bool = False
    types: frozenset[str] = frozenset()
    members: Mapping[str, "Shape"] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    item: "Shape | None" = None
    item_name: str = ""
    by_name: bool = False
    integers: bool = False
    union: bool = False
    text: str = "string"


@dataclass(frozen=True, eq=False)
class Message:
    """A message: its name, resource and shape; `unwrap` is a member that wraps the document in JSON but not in XML.

    `root` is the name of its XML element, which differs from the message's name only in formats that others have
    defined (RFC 9457), and `namespace` the XML namespace of all its elements, if any.
    """

    name: str
    resource: str
    shape: Shape
    unwrap: str = ""
    root: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class Bundle:
    """All resources in one schema: `schema["$defs"]` holds every type and message under its own name."""

    schema: Schema
    resources: Mapping[str, tuple[str, ...]]

    def message_names(self) -> tuple[str, ...]:
        """The names of the messages, which begin with an upper-case letter; types begin with a lower-case one."""
        return tuple(name for names in self.resources.values() for name in names if name[0].isupper())

    def resource_of(self, name: str) -> str:
        """The resource whose file defines `name`."""
        return next(resource for resource, names in self.resources.items() if name in names)

    def message(self, name: str) -> Message:
        """The message `name` with its shape; KeyError when there is none."""
        schema = self.schema["$defs"][name]
        xml = schema.get("xml", {})
        root, namespace = xml.get("name", name), xml.get("namespace", "")
        return Message(name, self.resource_of(name), self.shape(schema), xml.get("x-unwrap", ""), root, namespace)

    def resolve(self, schema: Schema) -> Schema:
        """`schema` with its `$ref` resolved; keys beside the reference (description, xml) override the target's."""
        while "$ref" in schema:
            target = self.schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema

    def shape(self, schema: Schema) -> Shape:
        """The shape of `schema`; ValueError where it has no mapping to XML."""
        schema = self.resolve(schema)
        stated = schema.get("type")
        types = frozenset([stated] if isinstance(stated, str) else stated or ())
        nullable, types = "null" in types, types - {"null"}
        if types and types <= SCALARS:
            text = "string" if len(types) > 1 else next(iter(types))
            if schema.get("format") == "date-time":
                text = "date-time"
            return Shape(
                "scalar", schema, nullable, types, integers="integer" in types, union=len(types) > 1, text=text
            )
        if types == {"array"}:
            item = self.shape(schema["items"])
            name = schema["items"]["xml"]["name"]
            return Shape("array", schema, nullable, item=item, item_name=name, integers=item.integers)
        if types != {"object"}:
            raise ValueError(f"no shape for type {stated!r}")
        if "properties" not in schema:
            item = self.shape(schema["additionalProperties"])
            by_name = schema.get("xml", {}).get("x-keys") == "elements"
            return Shape("map", schema, nullable, item=item, by_name=by_name, integers=item.integers)
        members = {name: self.shape(member) for name, member in schema["properties"].items()}
        integers = any(member.integers for member in members.values())
        required = tuple(schema.get("required", ()))
        return Shape("object", schema, nullable, members=members, required=required, integers=integers)


def load(directory: Path) -> Bundle:
    """All `*.schema.json` of a directory; ValueError when two of them define the same name."""
    definitions: Schema = {}
    resources: dict[str, tuple[str, ...]] = {}
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        found = json.loads(path.read_text(encoding="utf-8"))["$defs"]
        if twice := definitions.keys() & found.keys():
            raise ValueError(f"{path.name} defines again: {', '.join(sorted(twice))}")
        resources[path.name.removesuffix(SUFFIX)] = tuple(found)
        definitions.update(_local(found))
    return Bundle({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions}, resources)


def _local(schema: Any) -> Any:
    """`schema` with references into other files turned into references into the bundle."""
    if isinstance(schema, dict):
        return {
            key: "#" + value.partition("#")[2] if key == "$ref" and isinstance(value, str) else _local(value)
            for key, value in schema.items()
        }
    return [_local(value) for value in schema] if isinstance(schema, list) else schema
