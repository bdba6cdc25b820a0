"""The checks that validate_endpoints.sh holds against an answer, from the schema of its message."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_FORMATS = {"uuid": "uuid", "date-time": "time", "uri": "url"}
_KINDS = {"integer": "int", "number": "number", "boolean": "bool"}


class AnswerChecks:
    """Checks by message. `always` names members beyond the required ones that our answers of a message all have."""

    def __init__(self, definitions: Mapping[str, Schema], always: Mapping[str, Sequence[str]]) -> None:
        self._definitions = definitions
        self._always = always

    def of(self, message: str) -> list[str]:
        """`path:kind` and `path=value`, as check_response.py reads them, for each member that must be there."""
        schema = self._definitions[message]
        more = [check for check in self._always.get(message, ()) if check not in schema["properties"]]
        return [*self._object({"$ref": message}, ""), *more]

    def echoes(self, message: str, sent: object) -> Iterator[tuple[str, str]]:
        """Path and value of what an answer must repeat: scalars sent under a name that the answer has too."""
        yield from self._echoes(self._definitions[message], sent, "")

    def _echoes(self, schema: Schema, sent: object, prefix: str) -> Iterator[tuple[str, str]]:
        schema = self._resolved(schema)
        if not isinstance(sent, Mapping):
            return
        for name, value in sent.items():
            answered = schema.get("properties", {}).get(name)
            free = schema.get("additionalProperties")
            if isinstance(value, Mapping) and answered is not None:
                yield from self._echoes(answered, value, f"{prefix}{name}/")
            elif isinstance(value, str | int | float) and (answered is not None or free):
                yield prefix + name, str(value).lower() if isinstance(value, bool) else str(value)

    def _object(self, reference: Schema, prefix: str) -> Iterator[str]:
        schema = self._resolved(reference)
        always = self._always.get(_name(reference), ())
        for name, member in schema["properties"].items():
            if name in schema.get("required", ()) or name in always:
                yield from self._member(member, prefix + name)

    def _member(self, reference: Schema, path: str) -> Iterator[str]:
        """`path[]?/name` is a member of each item of a list that may be empty; `?` after a kind allows null."""
        schema = self._resolved(reference)
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        null = "?" if "null" in kinds else ""
        kind = next(it for it in kinds if it != "null")
        if kind == "array":
            yield f"{path}:list{null}"
            if "properties" in self._resolved(schema["items"]) and not null:
                yield from self._object(schema["items"], f"{path}[]?/")
        elif kind == "object":
            yield f"{path}:map{null}"
            if "properties" in schema and not null:
                yield from self._object(reference, f"{path}/")
        elif len(schema.get("enum", ())) == 1 and not null:
            yield f"{path}={schema['enum'][0]}"
        else:
            yield f"{path}:{_KINDS.get(kind) or _text(schema)}{null}"

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            return self._resolved(self._definitions[_name(schema)])
        return schema


def _name(schema: Schema) -> str:
    """The name of the definition that a schema refers to, empty for one that refers to none."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _text(schema: Schema) -> str:
    """The kind of a string: of a format, not empty, or any."""
    empty = not schema.get("minLength") and "enum" not in schema and re.search(schema.get("pattern", ""), "")
    return _FORMATS.get(schema.get("format", "")) or ("string" if empty else "text")
