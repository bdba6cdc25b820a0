"""Python types of the contract: a TypedDict for each object, an alias for each enumeration and each map with a name."""

import keyword
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

SUFFIX = ".schema.json"
WIDTH = 120
LONGEST_NAME = 40  # a line with it and `: NotRequired[]` around an enumeration stays within WIDTH, or is broken up
SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
HEADER = '"""{text}\n\nMade by schemas/build.py from {source}: change that, not this file.\n"""\n'


class UntypableError(Exception):
    """A schema that no Python type is made of."""


def modules(resources: Mapping[str, Schema]) -> dict[str, bytes]:
    """File name -> source of the package of message types: a module for each resource, and one with all their names.

    Raises UntypableError for an object without a name, a member whose name is a word of Python, and two definitions
    whose types would have one name.
    """
    taken: dict[str, str] = {}
    for resource, document in resources.items():
        for name, schema in document["$defs"].items():
            other = taken.setdefault(_name_of(name, schema) or f"{resource}.{name}", name)
            if other != name:
                raise UntypableError(f"{resource}.{name}: its Python type would be called like that of {other}")
    made = {f"{name}.py": _Module(name, resources).source() for name in resources}
    made["__init__.py"] = _package(resources)
    return {name: source.encode() for name, source in made.items()}


def _name_of(name: str, schema: Schema) -> str | None:
    """The name of the Python type of a definition; None where it has none and its type is written out.

    A message has its own name, another object a name that ends with `Document`.
    """
    if name[0].isupper():
        return name
    words = "".join(word.capitalize() for word in name.split("_"))
    if "properties" in schema:
        return f"{words}Document"
    return words if "enum" in schema or schema.get("type") == "object" else None


def _package(resources: Mapping[str, Schema]) -> str:
    text = "The types of all messages, and of the documents inside them."
    parts = [HEADER.format(text=text, source="schemas/*.schema.json")]
    exported: list[str] = []
    for resource in sorted(resources):
        definitions = resources[resource]["$defs"].items()
        names = sorted((found for name, schema in definitions if (found := _name_of(name, schema))), key=str.lower)
        exported += names
        parts.append(_import(f"heartguard_common.messages.{resource}", names))
    parts.append("\n__all__ = [\n" + "".join(f'    "{name}",\n' for name in sorted(exported)) + "]\n")
    return "".join([parts[0], "\n", *parts[1:]])


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"


class _Module:
    def __init__(self, resource: str, resources: Mapping[str, Schema]) -> None:
        self._resource = resource
        self._resources = resources
        self._definitions: Mapping[str, Schema] = resources[resource]["$defs"]
        self._imported: dict[str, set[str]] = {}
        self._typing: set[str] = set()
        self._written: dict[str, str] = {}

    def source(self) -> str:
        for name in self._definitions:
            self._define(name)
        title = self._resources[self._resource]["description"]
        parts = [HEADER.format(text=title, source=f"schemas/{self._resource}{SUFFIX}")]
        if self._typing:
            parts.append("\n" + _import("typing", sorted(self._typing)))
        if self._imported:
            parts.append("\n")
        parts += [
            _import(f"heartguard_common.messages.{resource}", sorted(self._imported[resource], key=str.lower))
            for resource in sorted(self._imported)
        ]
        aliases = [text for text in self._written.values() if not text.startswith("class ")]
        classes = [text for text in self._written.values() if text.startswith("class ")]
        if aliases:
            parts.append("\n" + "".join(aliases))
        parts += ["\n\n" + text for text in classes]
        return "".join(parts)

    def _define(self, name: str) -> None:
        schema = self._definitions[name]
        python_name = _name_of(name, schema)
        if python_name is None or name in self._written:
            return
        if "properties" in schema:
            body = "".join(self._members(name, schema))
            self._typing.add("TypedDict")
            described = _docstring(schema.get("description", f"The document `{name}`."))
            self._written[name] = f"class {python_name}(TypedDict):\n{described}\n{body}"
        else:
            self._typing.add("TypeAlias")
            self._written[name] = f"{python_name}: TypeAlias = {self._written_out(schema, name, '')}\n"
            if "description" in schema:
                self._written[name] += _docstring(schema["description"], "")

    def _members(self, owner: str, schema: Schema) -> Iterator[str]:
        required = schema.get("required", ())
        for name, member in schema["properties"].items():
            if keyword.iskeyword(name):
                raise UntypableError(f"{owner}.{name}: is a word of Python")
            its_type = self._type(member, f"{owner}.{name}", "    ")
            if name not in required:
                self._typing.add("NotRequired")
                its_type = f"NotRequired[{its_type}]"
            yield f"    {name}: {its_type}\n"

    def _type(self, schema: Schema, place: str, indent: str) -> str:
        """The type of a member or an item, by its name where it has one."""
        if "$ref" not in schema:
            return self._written_out(schema, place, indent)
        file, _, pointer = schema["$ref"].partition("#/$defs/")
        resource = file.removesuffix(SUFFIX) or self._resource
        target = self._resources[resource]["$defs"][pointer]
        name = _name_of(pointer, target)
        if name is None:
            return self._written_out(target, place, indent)
        if resource == self._resource:
            self._define(pointer)  # a name must be there before a class uses it
        else:
            self._imported.setdefault(resource, set()).add(name)
        return name

    def _written_out(self, schema: Schema, place: str, indent: str) -> str:
        stated = schema["type"]
        types = [stated] if isinstance(stated, str) else list(stated)
        if "enum" in schema:
            return self._literal(schema["enum"], indent)
        if types == ["array"]:
            return f"list[{self._type(schema['items'], place, indent)}]"
        if types == ["object"]:
            if "properties" in schema:
                raise UntypableError(f"{place}: an object must be a definition with a name")
            return f"dict[str, {self._type(schema['additionalProperties'], place, indent)}]"
        return " | ".join([*(SCALARS[kind] for kind in types if kind != "null"), *(["None"] * ("null" in types))])

    def _literal(self, values: Sequence[str], indent: str) -> str:
        self._typing.add("Literal")
        quoted = [f'"{value}"' for value in values]
        line = f"Literal[{', '.join(quoted)}]"
        if len(indent + line) + LONGEST_NAME <= WIDTH:
            return line
        return "Literal[\n" + "".join(f"{indent}    {value},\n" for value in quoted) + f"{indent}]"


def _docstring(text: str, indent: str = "    ") -> str:
    if len(indent + text) + 6 <= WIDTH:
        return f'{indent}"""{text}"""\n'
    lines = textwrap.wrap(text, WIDTH - len(indent) - 6)  # two at least: what fits on one line has to stand on one
    return f'{indent}"""' + f"\n{indent}".join(lines) + f'\n{indent}"""\n'
