"""Checks that the schemas use only what JSON Schema and XSD 1.0 can both express, and the codec can convert."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

ANNOTATIONS = {"description", "default", "xml"}
SCALARS = {"string", "integer", "number", "boolean"}
FORMATS = {"date-time", "email", "uuid", "uri"}
LARGEST = 2**53 - 1
KEYWORDS = {
    "string": {"minLength", "maxLength", "pattern", "format", "enum"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
    "null": set[str](),
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties"},
    "map": {"propertyNames", "additionalProperties", "minProperties", "maxProperties"},
}
XML_KEYWORDS = {"name", "namespace", "wrapped", "x-keys", "x-unwrap"}

_MEMBER = re.compile(r"[a-z][a-z0-9_]*")
_CAMEL_CASE = re.compile(r"[a-z][a-zA-Z0-9]*")  # as InfluxDB names the members of its documents
_MESSAGE = re.compile(r"[A-Z][A-Za-z0-9]*")
_CHAR = r"(?:[^\[\]\\^\-]|\\[\-\[\]\\^])"
_TOKEN = re.compile(
    rf"(?P<klass>\[{_CHAR}(?:-{_CHAR})?(?:(?:{_CHAR}|\^)(?:-{_CHAR})?)*\])"
    r"|(?P<open>\()|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<quantity>[?*+]|\{[0-9]+(?:,[0-9]+)?\})"
    r"|(?P<escape>\\[.\-?*+|(){}\[\]\\^])"
    r"|(?P<letter>[A-Za-z0-9 _@/:;=%&'\",!#~<>`\-])"
)
_SET_OPERATORS = ("&&", "--", "~~", "||")

Place = tuple[str, ...]
Problem = tuple[Place, str]
Exists = Callable[[str], bool]


def resource_problems(resource: str, document: Schema, resources: Mapping[str, Schema]) -> list[str]:
    """The problems in the schema file of a resource, each as `pointer: reason`."""

    def exists(reference: str) -> bool:
        file, _, pointer = reference.partition("#/$defs/")
        home = file.removesuffix(".schema.json") or resource
        return pointer in resources.get(home, {}).get("$defs", {})

    found: list[Problem] = [
        ((key,), "is not a keyword of a resource")
        for key in document.keys() - {"$schema", "title", "description", "$defs"}
    ]
    if document.get("$schema") != "https://json-schema.org/draft/2020-12/schema":
        found.append((("$schema",), "must name JSON Schema 2020-12"))
    names = [name for schemas in resources.values() for name in schemas.get("$defs", {})]
    for name, schema in document.get("$defs", {}).items():
        place = ("$defs", name)
        if not (_MEMBER.fullmatch(name) or _MESSAGE.fullmatch(name)):
            found.append((place, "must be a lower-case type or a message in capitals"))
        if twins := [other for other in names if other != name and _folded(other) == _folded(name)]:
            found.append((place, f"differs from {', '.join(twins)} by case or underscores only"))
        if name[0].isupper() and "properties" not in schema:
            found.append((place, "a message must be an object with properties"))
        if "description" not in schema:
            found.append((place, "must have a description"))
        found.extend(
            ((*place, "properties", member), "must have a description, its own or that of its type")
            for member, its_schema in schema.get("properties", {}).items()
            if not _is_described(its_schema, resource, resources)
        )
        found.extend(
            (place, f"is defined in {other} too")
            for other in resources
            if other != resource and name in resources[other].get("$defs", {})
        )
        found.extend(_problems(schema, place, exists))
        found.extend(_namespace_faults(name, schema, place, document))
        if name in _reached(schema, resources):
            found.append(((*place, "$ref"), "leads back to itself"))
    return [f"#/{'/'.join(place)}: {reason}" for place, reason in found]


def _is_described(schema: Any, resource: str, resources: Mapping[str, Schema]) -> bool:
    """Whether a schema in the file of a resource has a description, or refers to a definition that has one."""
    if not isinstance(schema, dict) or "description" in schema:
        return True
    file, _, name = str(schema.get("$ref", "")).partition("#/$defs/")
    home = file.removesuffix(".schema.json") or resource
    return "description" in resources.get(home, {}).get("$defs", {}).get(name, {})


def _namespace_faults(name: str, schema: Schema, place: Place, document: Schema) -> Iterator[Problem]:
    """An XSD has one namespace, so a message with a namespace must be alone in its resource, and name its root."""
    xml = schema.get("xml", {})
    if "namespace" not in xml:
        return
    if not name[0].isupper() or "name" not in xml:
        yield (*place, "xml", "namespace"), "belongs to a message, with the name of its root element"
    if [other for other in document["$defs"] if other[0].isupper()] != [name]:
        yield (*place, "xml", "namespace"), "must be that of the only message of its resource"


def _reached(schema: Any, resources: Mapping[str, Schema]) -> set[str]:
    """Names of all definitions that can be reached from a schema; names are unique among resources."""
    homes = {name: home for home in resources for name in resources[home].get("$defs", {})}
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in homes and name not in found:
                found.add(name)
                waiting.append(resources[homes[name]]["$defs"][name])
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def _problems(schema: Any, place: Place, exists: Exists) -> Iterator[Problem]:
    if not isinstance(schema, dict):
        yield place, "must be a schema object"
        return
    xml = schema.get("xml", {})
    for key in xml.keys() - XML_KEYWORDS:
        yield (*place, "xml", key), "is not an XML keyword of the subset"
    if "$ref" in schema:
        yield from _reference_problems(schema, place, exists)
        return
    stated = schema.get("type")
    types = {stated} if isinstance(stated, str) else set(stated or ())
    if not types or not types <= KEYWORDS.keys() - {"map"}:
        yield (*place, "type"), "must be stated, in words of the subset"
        return
    kinds = {"map"} if types == {"object"} and "properties" not in schema else types
    allowed = {"type", *ANNOTATIONS}.union(*(KEYWORDS[kind] for kind in kinds))
    for key in sorted(schema.keys() - allowed):
        yield (*place, key), "is not a keyword of the subset here"
    if types & {"array", "object"} and len(types) > 1:
        yield (*place, "type"), "an object or an array stands alone"
    elif types <= SCALARS | {"null"}:
        yield from _scalar_problems(schema, types, place)
    else:
        problems = {"map": _map_problems, "object": _object_problems, "array": _array_problems}[next(iter(kinds))]
        yield from problems(schema, place, exists)


def _reference_problems(schema: Schema, place: Place, exists: Exists) -> Iterator[Problem]:
    for key in sorted(schema.keys() - {"$ref", *ANNOTATIONS}):
        yield (*place, key), "may not stand beside $ref"
    if not exists(schema["$ref"]):
        yield (*place, "$ref"), "names nothing"


def _scalar_problems(schema: Schema, types: set[str], place: Place) -> Iterator[Problem]:
    if types == {"null"}:
        yield (*place, "type"), "null alone says nothing"
    if {"integer", "number"} <= types:
        yield (*place, "type"), "a number is an integer already"
    if types & {"integer", "number"}:
        yield from _bound_problems(schema, types, place)
    if "string" in types:
        yield from _string_problems(schema, types, place)


def _bound_problems(schema: Schema, types: set[str], place: Place) -> Iterator[Problem]:
    for key in ("minimum", "maximum"):
        if key not in schema:
            yield place, f"a number must have a {key}"
        elif "integer" in types and abs(schema[key]) > LARGEST:
            yield (*place, key), "is beyond the integers a double holds exactly"


def _string_problems(schema: Schema, types: set[str], place: Place) -> Iterator[Problem]:
    if "enum" not in schema and "maxLength" not in schema:
        yield place, "a string must have a maxLength"
    if len(types - {"null"}) > 1 and {"enum", "pattern", "format"} & schema.keys():
        yield place, "a union may not have enum, pattern or format"
    if "enum" in schema and not all(isinstance(value, str) and value.isascii() for value in schema["enum"]):
        yield (*place, "enum"), "must hold ASCII strings"
    if "enum" in schema and "null" in types:
        yield (*place, "enum"), "would refuse the null its type allows"
    if "format" in schema and (schema["format"] not in FORMATS or "pattern" not in schema):
        yield (*place, "format"), "must be a known format, with a pattern"
    if "pattern" in schema and (reason := pattern_problem(schema["pattern"])):
        yield (*place, "pattern"), reason


def _object_problems(schema: Schema, place: Place, exists: Exists) -> Iterator[Problem]:
    if schema.get("additionalProperties") is not False:
        yield (*place, "additionalProperties"), "an object must be closed"
    if not schema["properties"]:
        yield (*place, "properties"), "must have a member"
    for name in schema.get("required", ()):
        if name not in schema["properties"]:
            yield (*place, "required"), f"{name} is not a property"
    unwrap = schema.get("xml", {}).get("x-unwrap")
    if unwrap is not None and (list(schema["properties"]) != [unwrap] or schema["required"] != [unwrap]):
        yield (*place, "xml", "x-unwrap"), "must name the only member, a required one"
    for name, member in schema["properties"].items():
        inner = (*place, "properties", name)
        of_influxdb = any(str(part).lower().startswith("influx") for part in place[:2])
        if not (_MEMBER.fullmatch(name) or (of_influxdb and _CAMEL_CASE.fullmatch(name))):
            yield inner, "must be lower-case letters, digits and underscores"
        yield from _problems(member, inner, exists)


def _map_problems(schema: Schema, place: Place, exists: Exists) -> Iterator[Problem]:
    if "maxProperties" not in schema:
        yield place, "a map must have a maxProperties"
    if "propertyNames" not in schema:
        yield place, "a map must say what its keys are"
    else:
        yield from _problems(schema["propertyNames"], (*place, "propertyNames"), exists)
    values = schema.get("additionalProperties")
    yield from _problems(values, (*place, "additionalProperties"), exists)
    if isinstance(values, dict) and {"object", "array"} & set(_types(values)):
        yield (*place, "additionalProperties"), "a map holds scalars"


def _array_problems(schema: Schema, place: Place, exists: Exists) -> Iterator[Problem]:
    if "maxItems" not in schema:
        yield place, "an array must have a maxItems"
    if schema.get("xml", {}).get("wrapped") is not True:
        yield (*place, "xml"), "an array must be wrapped"
    items = schema.get("items")
    yield from _problems(items, (*place, "items"), exists)
    if isinstance(items, dict) and not _MEMBER.fullmatch(items.get("xml", {}).get("name", "")):
        yield (*place, "items", "xml", "name"), "must name the element of an item"


def _types(schema: Schema) -> list[str]:
    stated = schema.get("type", [])
    return [stated] if isinstance(stated, str) else list(stated)


def pattern_problem(pattern: str) -> str | None:  # noqa: PLR0911  each refusal has a reason of its own
    """Why a pattern is outside of the dialect that XSD, Rust and Python interpret alike; None when it is inside.

    The dialect has `^...$`, letters, escaped punctuation, classes without negation, groups, alternatives inside
    groups, and greedy repeats.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return "must be anchored with ^ and $"
    text, position, depth, repeatable = pattern[1:-1], 0, 0, False
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return f"has something of another dialect at character {position + 2}"
        kind = token.lastgroup
        if kind == "klass" and any(operator in token[0] for operator in _SET_OPERATORS):
            return "has a set operator in a class"
        if kind == "bar" and depth == 0:
            return "has an alternative outside of a group"
        if kind == "quantity" and not repeatable:
            return "repeats a repeat, or nothing"
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            return "closes a group that is not open"
        repeatable = kind in ("klass", "close", "escape", "letter")
        position = token.end()
    return "leaves a group open" if depth else None


def _folded(name: str) -> str:
    """A name as generators of client code and file systems without case see it."""
    return name.replace("_", "").lower()
