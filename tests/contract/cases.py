"""The vectors, a plain XML writer that shares nothing with the codec, and an independent validator."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import jsonschema
import referencing
from lxml import etree
from referencing.jsonschema import DRAFT202012

from heartguard_common.contract.contracts import Contracts, Violations
from heartguard_common.core.paths import SCHEMAS_DIR

VECTORS = SCHEMAS_DIR / "vectors"
CONTRACTS = Contracts.load()
POINTERS: dict[str, list[str]] = json.loads((VECTORS / "pointers.json").read_text(encoding="utf-8"))
RESOURCES = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(SCHEMAS_DIR.glob("*.schema.json"))
}
RESOURCE_OF = {name: resource for resource, document in RESOURCES.items() for name in document["$defs"]}
XSI = "http://www.w3.org/2001/XMLSchema-instance"
ITEM_NAMES = {
    "damaged": "item",
    "items": "item", "points": "point", "zones": "zone", "gaps": "gap",
    "results": "result", "details": "detail", "dependencies": "dependency",
    "permissions": "permission", "keys": "key", "fields": "field", "group_by": "tag", "series": "item",
    "out_of_range": "field", "limits": "limit", "errors": "i", "checks": "check", "tasks": "task", "queues": "queue",
    "scopes": "scope", "buckets": "bucket", "networks": "network", "device": "permission", "uses": "use",
    "orgs": "org", "retentionRules": "rule", "sources": "source", "tags": "tag",
    "memberships": "item",
    "value_columns": "value_column", "tag_columns": "tag_column", "rejections": "rejection", "places": "place",
    "skipped": "item",
    "people": "user_id", "overrides": "override", "days": "day", "ranges": "range", "others": "range",
    "versions": "item",
    "readings": "reading", "step_times": "time", "history": "item", "values": "item",
    "steps": "step", "channels": "channel_id",
}  # fmt: skip


@dataclass(frozen=True)
class Vector:
    path: Path

    @property
    def message(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return f"{self.message}/{self.path.stem.rpartition('_')[0]}"

    @property
    def passes(self) -> bool:
        return self.path.stem.endswith("_PASS")

    @property
    def media_type(self) -> str:
        return f"application/{self.path.suffix[1:]}"

    @property
    def twin(self) -> Path:
        return self.path.with_suffix(".json" if self.path.suffix == ".xml" else ".xml")

    def __str__(self) -> str:
        return f"{self.message}/{self.path.name}"


def vectors(suffix: str = "") -> list[Vector]:
    return [Vector(path) for path in sorted(VECTORS.glob(f"*/*_*{suffix}")) if path.is_file()]


def pointers(message: str, body: bytes, media_type: str) -> list[str]:
    """The pointers of the violations in a body, sorted; empty when it is valid."""
    try:
        CONTRACTS[message].decode(body, media_type)
    except Violations as error:
        return sorted(violation.path for violation in error.violations)
    return []


@cache
def xsd(resource: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS_DIR / f"{resource}.xsd"))


def xsd_accepts(message: str, body: bytes) -> bool:
    """The verdict of libxml2 alone."""
    return bool(xsd(RESOURCE_OF[message]).validate(etree.fromstring(body)))


@cache
def oracle(message: str) -> jsonschema.Draft202012Validator:
    """The `jsonschema` library on the written files, references followed by itself; formats are not asserted."""
    registry: Any = referencing.Registry().with_resources(
        (f"https://heartguard.test/{name}.schema.json", DRAFT202012.create_resource(document))
        for name, document in RESOURCES.items()
    )
    home = f"https://heartguard.test/{RESOURCE_OF[message]}.schema.json#/$defs/{message}"
    return jsonschema.Draft202012Validator({"$ref": home}, registry=registry)


def plain_xml(message: str, document: Any) -> bytes:
    """What the rules of schemas/README.md make of a document, written without looking at the schema."""
    inner = document["error"] if message == "Error" else document
    # problem details are written as RFC 9457 appendix B has them: a name and a namespace of the RFC, and items named i
    name, space = ("problem", ' xmlns="urn:ietf:rfc:7807"') if message == "Problem" else (message, "")
    text = "".join(_element(name, inner, space))
    if "xsi:nil" in text:
        text = text.replace(f"<{name}", f'<{name} xmlns:xsi="{XSI}"', 1)
    return text.encode()


def _element(name: str, value: Any, attributes: str, *, union: bool = False) -> Iterator[str]:
    if value is None:
        yield f'<{name}{attributes} xsi:nil="true"/>'
        return
    if union and not isinstance(value, str | dict | list):
        attributes += f' type="{"boolean" if isinstance(value, bool) else "number"}"'
    yield f"<{name}{attributes}>"
    if isinstance(value, list):
        for item in value:
            yield from _element(ITEM_NAMES[name], item, "")
    elif isinstance(value, dict):
        yield from _members(name, value)
    elif isinstance(value, str):
        yield escape(value, {"\r": "&#13;"})
    else:
        yield json.dumps(value)
    yield f"</{name}>"


def _members(name: str, value: dict[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        if name in ("tags", "fields", "values", "payload", "headers"):
            quoted = escape(key, {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})
            yield from _element("entry", inner, f' key="{quoted}"', union=name != "values")
        else:
            yield from _element(key, inner, "", union=name == "preferences")


def same_tree(one: etree._Element, other: etree._Element) -> bool:
    """Whether two documents say the same: names, attributes, text, and the order of elements."""
    return (
        one.tag == other.tag
        and dict(one.attrib) == dict(other.attrib)
        and (one.text or "") == (other.text or "")
        and len(one) == len(other)
        and all(same_tree(a, b) for a, b in zip(one, other, strict=True))
    )
