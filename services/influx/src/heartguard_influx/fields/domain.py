"""Fields, and the one type that all values of a field have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Value = float | bool | str
FieldType = Literal["float", "boolean", "string"]
FieldKey = tuple[str, str]
"""Measurement and field: what a field type is registered for."""

TYPE_BY_CLASS: Mapping[type, FieldType] = {bool: "boolean", str: "string", float: "float", int: "float"}


def field_type(value: Value) -> FieldType:
    """The type that a value's field must have."""
    return TYPE_BY_CLASS[value.__class__]


@dataclass(frozen=True)
class Field:
    """A field of a measurement under the number that the store knows it by."""

    id: int
    name: str
    type: FieldType


class TypedField(NamedTuple):
    """A field of a measurement and the type that all its values have."""

    id: int
    measurement: str
    name: str
    type: FieldType
