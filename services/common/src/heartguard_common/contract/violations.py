"""Finds the violations of a contract in a document: at most 100, each with a JSON Pointer, none with a value."""

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from heartguard_common.contract.shapes import Schema, Shape
from heartguard_common.contract.xml_codec import MAX_VIOLATIONS, Path, pointer
from heartguard_common.core.errors import Violation

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
TYPE_NAMES = {
    "string": "a string", "integer": "an integer", "number": "a number", "boolean": "true or false",
    "object": "an object", "array": "an array",
}  # fmt: skip


class _StopSearch(Exception):  # noqa: N818  not an error
    """The first 100 violations have been found."""


class Finder:
    """Finds the violations in a document value by value.

    The library's own list of a million violations would take half a minute and gigabytes, and quotes values.
    """

    def __init__(self, definitions: Mapping[str, object]) -> None:
        self._definitions = definitions
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def find(self, document: object, shape: Shape) -> list[Violation]:
        """The first 100 violations in a document; empty when it has none."""
        violations: list[Violation] = []
        with contextlib.suppress(_StopSearch):
            self._visit(document, shape, (), violations)
        return violations

    def _visit(self, value: object, shape: Shape, path: Path, violations: list[Violation]) -> None:
        if value is None and shape.nullable:
            return
        if shape.kind == "scalar":
            self._scalar(value, shape, path, violations)
        elif shape.kind == "array":
            self._array(value, shape, path, violations)
        elif not isinstance(value, dict):
            _add(violations, path, _must_be(shape, "object"))
        elif shape.kind == "object":
            self._object(value, shape, path, violations)
        else:
            self._map(value, shape, path, violations)

    def _scalar(self, value: object, shape: Shape, path: Path, violations: list[Violation]) -> None:
        # Checked before the library, which can't process a lone surrogate.
        if isinstance(value, str) and CONTROL.search(value):
            _add(violations, path, "holds a control character")
            return
        error = next(self.validator(shape.schema).iter_errors(value), None)
        if error is not None:
            _add(violations, path, _text(error.kind, shape))

    def _array(self, value: object, shape: Shape, path: Path, violations: list[Violation]) -> None:
        if not isinstance(value, list):
            _add(violations, path, _must_be(shape, "array"))
            return
        assert shape.item is not None
        if len(value) > shape.schema["maxItems"]:
            _add(violations, path, f"must have at most {shape.schema['maxItems']} items")
            return
        if len(value) < shape.schema.get("minItems", 0):
            _add(violations, path, f"must have at least {shape.schema['minItems']} items")
        for index, item in enumerate(value):
            self._visit(item, shape.item, (path, index), violations)

    def _object(self, value: Any, shape: Shape, path: Path, violations: list[Violation]) -> None:
        for name in shape.required:
            if name not in value:
                _add(violations, (path, name), "is missing")
        for name, inner in value.items():
            if name in shape.members:
                self._visit(inner, shape.members[name], (path, name), violations)
            else:
                _add(violations, (path, name), "is not a known member")

    def _map(self, value: Any, shape: Shape, path: Path, violations: list[Violation]) -> None:
        assert shape.item is not None
        if len(value) > shape.schema["maxProperties"]:
            _add(violations, path, f"must have at most {shape.schema['maxProperties']} entries")
            return
        if len(value) < shape.schema.get("minProperties", 0):
            _add(violations, path, f"must have at least {shape.schema['minProperties']} entries")
        names = self.validator(shape.schema["propertyNames"])
        for key, inner in value.items():
            if CONTROL.search(key):
                _add(violations, (path, key), "holds a control character in its name")
            elif not names.is_valid(key):
                _add(violations, (path, key), "does not have an allowed name")
            else:
                self._visit(inner, shape.item, (path, key), violations)

    def validator(self, schema: Schema) -> jsonschema_rs.Draft202012Validator:
        """A validator of `schema`, compiled once; it checks formats, and its patterns never backtrack."""
        key = repr(schema)
        found = self._validators.get(key)
        if found is None:
            found = self._validators[key] = jsonschema_rs.Draft202012Validator(
                {**schema, "$defs": self._definitions},
                validate_formats=True,
                ignore_unknown_formats=False,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        return found


def _add(violations: list[Violation], path: Path, text: str) -> None:
    violations.append(Violation(pointer(path), text))
    if len(violations) >= MAX_VIOLATIONS:
        raise _StopSearch


def _must_be(shape: Shape, *types: str) -> str:
    names = [TYPE_NAMES[name] for name in sorted(types)] + (["null"] if shape.nullable else [])
    return "must be " + " or ".join(names)


def _text(kind: Any, shape: Shape) -> str:
    if kind.name == "type":
        return _must_be(shape, *shape.types)
    if kind.name == "enum":
        return "must be one of: " + ", ".join(map(str, shape.schema["enum"]))
    if kind.name == "format":
        return f"is not a valid {shape.schema['format']}"
    return _TEXTS.get(kind.name, "does not satisfy its contract").format(limit=getattr(kind, "limit", ""))


_TEXTS = {
    "pattern": "does not have the form it must have",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "const": "does not have the one value it may have",
}
