"""The two OpenAPI documents: of the routes that apps and portals call, and of the internal ones."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heartguard_common.core.paths import SCHEMAS_DIR

NAMES = ("openapi.json", "openapi-internal.json")


def documents(directory: Path = SCHEMAS_DIR) -> tuple[dict[str, Any], ...]:
    """Both documents, the public one first."""
    return tuple(json.loads((directory / name).read_text(encoding="utf-8")) for name in NAMES)


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All operations of a document."""
    for methods in document["paths"].values():
        yield from methods.values()


def by_permission(*of: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations of documents by the ids of their rules."""
    return {operation["x-permission"]: operation for document in of for operation in operations(document)}


def resolved(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an object with `$ref` refers to in the document; another object itself."""
    node: Any = value
    while "$ref" in node:
        target = document
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def contents(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each media type of a body or an answer, with its Media Type Object; those of a component once for each use."""
    for operation in operations(document):
        for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
            yield from resolved(document, holder).get("content", {}).items()
