"""The Python types of the messages say what the schemas say."""

from types import UnionType
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from heartguard_common import messages
from schemas import build
from schemas.builder import python_types
from tests.contract.cases import RESOURCES

DEFINITIONS = {name: schema for resource in RESOURCES.values() for name, schema in resource["$defs"].items()}
OBJECTS = {name: schema for name, schema in DEFINITIONS.items() if "properties" in schema}
WORDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def resolved(schema: dict) -> dict:
    return resolved(DEFINITIONS[schema["$ref"].rpartition("/")[2]]) if "$ref" in schema else schema


def described(hint: object) -> object:
    """The JSON types that a hint stands for, in the words of a schema."""
    if isinstance(hint, UnionType):
        return frozenset(WORDS[part] for part in get_args(hint))
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) is list:
        return ["array of", described(get_args(hint)[0])]
    if get_origin(hint) is dict:
        return ["map of", described(get_args(hint)[1])]
    return frozenset([WORDS[hint]]) if hint in WORDS else hint


def expected(schema: dict) -> object:
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = resolved(schema)
    if "enum" in schema:
        return schema["enum"]
    if schema["type"] == "array":
        return ["array of", expected(schema["items"])]
    if "properties" in schema:
        words = "".join(word.capitalize() for word in name.split("_"))
        return getattr(messages, name if name[0].isupper() else f"{words}Document")
    if schema["type"] == "object":
        return ["map of", expected(schema["additionalProperties"])]
    return frozenset([schema["type"]] if isinstance(schema["type"], str) else schema["type"])


@pytest.mark.parametrize("resource", RESOURCES)
def test_each_message_type_has_the_members_of_its_schema(resource):
    for name in OBJECTS.keys() & RESOURCES[resource]["$defs"].keys():
        schema = OBJECTS[name]
        its_type = expected({"$ref": f"#/$defs/{name}"})
        hints = get_type_hints(its_type)
        assert its_type.__required_keys__ == set(schema.get("required", ())), name
        assert {member: described(hint) for member, hint in hints.items()} == {
            member: expected(inner) for member, inner in schema["properties"].items()
        }, name


def test_a_schema_without_a_python_type_is_refused_with_its_place(tmp_path):
    faulty = {
        "Outer.a": {"a": {"type": "object", "properties": {"b": {"type": "boolean"}}}},
        "Outer.class": {"class": {"type": "boolean"}},
    }
    for place, properties in faulty.items():
        resources = {"r": {"description": "R.", "$defs": {"Outer": {"description": "O.", "properties": properties}}}}
        with pytest.raises(python_types.UntypableError, match=place):
            python_types.modules(resources, "some.package")
    twice = {name: {"type": "object", "properties": {"a": {"type": "boolean"}}} for name in ("a_b", "ABDocument")}
    with pytest.raises(python_types.UntypableError, match="ABDocument"):
        python_types.modules({"r": {"description": "R.", "$defs": twice}}, "some.package")
    assert build.stale({"a.py": b""}, tmp_path, "*.py") == ["a.py"]
