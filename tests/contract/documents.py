"""Documents that satisfy a message, and documents with one thing wrong, made from the written schema."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.contract.cases import RESOURCE_OF, RESOURCES

HOT = [
    "\t\n",
    "]]>",
    "&amp;",
    "\u2028",
    "e\u0301",
    "\ufeff",
    "\U0001f493",
    "__proto__",
    "xsi:nil",
    " 7 ",
    "true",
    "<b/>",
]
DEAD_LETTERS = st.characters(exclude_categories=["Cc", "Cs", "Cn"]) | st.sampled_from("\t\n<>&\"']")
Schema = dict[str, Any]


def resolve(schema: Schema, resource: str) -> tuple[Schema, str]:
    while "$ref" in schema:
        file, _, name = schema["$ref"].partition("#/$defs/")
        resource = file.removesuffix(".schema.json") or resource
        schema = RESOURCES[resource]["$defs"][name]
    return schema, resource


def types(schema: Schema) -> list[str]:
    return [schema["type"]] if isinstance(schema["type"], str) else schema["type"]


@cache
def documents(message: str) -> st.SearchStrategy[Any]:
    """Documents of a message. Made once: Hypothesis checks a new strategy for longer than it draws from it."""
    return valid(RESOURCES[RESOURCE_OF[message]]["$defs"][message], RESOURCE_OF[message])


def valid(schema: Schema, resource: str) -> st.SearchStrategy[Any]:
    """Documents of a schema."""
    schema, resource = resolve(schema, resource)
    return st.one_of([_of_type(kind, schema, resource) for kind in types(schema)])


def _of_type(kind: str, schema: Schema, resource: str) -> st.SearchStrategy[Any]:  # noqa: PLR0911  one for each type
    if kind == "null":
        return st.none()
    if kind == "boolean":
        return st.booleans()
    if kind == "string":
        return _text(schema)
    if kind == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if kind == "number":
        floats = st.floats(schema["minimum"], schema["maximum"], allow_nan=False, allow_infinity=False)
        whole = st.integers(int(schema["minimum"]), int(schema["maximum"]))
        return floats | whole | st.sampled_from([0, -0.0, 1e16]).filter(lambda n: n <= schema["maximum"])
    if kind == "array":
        few = min(schema["maxItems"], schema.get("minItems", 0) + 2)
        return st.lists(valid(schema["items"], resource), min_size=schema.get("minItems", 0), max_size=few)
    if "properties" in schema:
        required = set(schema["required"])
        members = {name: valid(member, resource) for name, member in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: members[name] for name in members if name in required},
            optional={name: members[name] for name in members if name not in required},
        )
    keys = _text(resolve(schema["propertyNames"], resource)[0])
    low = schema.get("minProperties", 0)
    return st.dictionaries(keys, valid(schema["additionalProperties"], resource), min_size=low, max_size=low + 2)


def _text(schema: Schema) -> st.SearchStrategy[str]:
    low, high = schema.get("minLength", 0), schema.get("maxLength", 64)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date-time":
        return _times()
    if "pattern" in schema:
        return _matching(schema["pattern"]).filter(lambda text: low <= len(text) <= high and _looks_right(text, schema))
    hot = [text for text in HOT if low <= len(text) <= high] or ["12345678"]
    return st.text(DEAD_LETTERS, min_size=low, max_size=min(high, low + 12)) | st.sampled_from(hot)


@cache
def _matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern.removesuffix("$") + r"\Z", fullmatch=True)


def _looks_right(text: str, schema: Schema) -> bool:
    """The one thing the format e-mail asks beyond the pattern: at most 64 characters before the @ (RFC 5321)."""
    return schema.get("format") != "email" or text.index("@") <= 64


@st.composite
def _times(draw: st.DrawFn) -> str:
    minutes = draw(st.integers(-14 * 60, 14 * 60))
    moment = draw(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)))  # noqa: DTZ001  the zone comes next
    zone = UTC if minutes == 0 else timezone(timedelta(minutes=minutes))
    text = moment.replace(microsecond=0, tzinfo=zone).isoformat()
    digits = draw(st.text("0123456789", max_size=9))
    text = text[:19] + (f".{digits}" if digits else "") + text[19:]
    return text.replace("+00:00", "Z") if minutes == 0 else text


def places(document: Any, schema: Schema, resource: str) -> Iterator[tuple[list[Any], Any, Schema]]:
    """Each place of a document below the root: the keys that lead there, the value, its schema."""
    schema, resource = resolve(schema, resource)
    if isinstance(document, dict):
        for key, value in document.items():
            below = schema["properties"][key] if "properties" in schema else schema["additionalProperties"]
            yield [key], value, resolve(below, resource)[0]
            for path, inner, inner_schema in places(value, below, resource):
                yield [key, *path], inner, inner_schema
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield [index], value, resolve(schema["items"], resource)[0]
            for path, inner, inner_schema in places(value, schema["items"], resource):
                yield [index, *path], inner, inner_schema


@st.composite
def changed(draw: st.DrawFn, message: str) -> Any:
    """A document with one change that may break it, of a kind that both formats have words for."""
    resource = RESOURCE_OF[message]
    root = {"$ref": f"{resource}.schema.json#/$defs/{message}"}
    document = copy.deepcopy(draw(documents(message)))
    found = list(places(document, root, resource))
    if message == "Error":  # its wrapper has no element that could be changed
        found = found[1:]
    if not found or draw(st.integers(0, 3)) == 0:
        target = document["error"] if message == "Error" else document
        target["no_such_member"] = "zz"
        return document
    path, value, schema = draw(st.sampled_from(found))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    changes = [None, "zz", "?" * (schema.get("maxLength", 3) % 5000 + 1)]
    if "string" not in types(schema):
        changes += ["", "1,5", "0x10"] if "boolean" in types(schema) or "integer" in types(schema) else []
        changes += [
            schema[key] + step for key, step in (("minimum", -1), ("maximum", 1)) if abs(schema.get(key, 1e99)) < 1e9
        ]
    elif not value and types(schema) == ["string"]:
        changes.append({"zz": "zz"})
    if draw(st.booleans()) and isinstance(holder, dict):
        del holder[path[-1]]
    else:
        holder[path[-1]] = draw(st.sampled_from(changes))
    return document
