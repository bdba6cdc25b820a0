"""The schemas of an OpenAPI document, from those of the schema files, and which components a part of it needs."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_HOME = "#/components/"
_INT32 = 2**31 - 1


def schemas(definitions: Mapping[str, Schema]) -> dict[str, Any]:
    """The schema components."""
    return {name: component(definitions[name]) for name in sorted(definitions)}


def component(schema: Any) -> Any:
    """A schema with its references into schema files turned into references to components.

    Integers beyond 32 bits have the format int64, because generators take others for 32 bits.
    """
    if isinstance(schema, list):
        return [component(value) for value in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {
        key: f"{_HOME}schemas/{value.rpartition('/')[2]}" if key == "$ref" else component(value)
        for key, value in schema.items()
    }
    if "integer" in _types(schema) and max(-schema["minimum"], schema["maximum"]) > _INT32:
        made["format"] = "int64"
    return made


def _types(schema: Schema) -> set[str]:
    """The types that a schema states; none for a map of members, one of which may be called `type`."""
    stated = schema.get("type")
    return {stated} if isinstance(stated, str) else set(stated) if isinstance(stated, list) else set()


def needed(paths: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The components that the paths refer to, directly or through others, in the order of `components`."""
    found: set[tuple[str, str]] = {("securitySchemes", name) for name in _schemes(paths)}
    waiting: list[Any] = [paths]
    while waiting:
        for kind, name in set(_references(waiting.pop())) - found:
            found.add((kind, name))
            waiting.append(components[kind][name])
    return {
        kind: {name: it for name, it in those.items() if (kind, name) in found} for kind, those in components.items()
    }


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of each component that a value refers to."""
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith(_HOME):
            kind, _, name = target.removeprefix(_HOME).partition("/")
            yield kind, name
        for member in value.values():
            yield from _references(member)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _schemes(paths: Mapping[str, Any]) -> Iterator[str]:
    """The names of the security schemes of all operations."""
    for methods in paths.values():
        for operation in methods.values():
            for entry in operation["security"]:
                yield from entry
