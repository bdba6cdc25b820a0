"""Schemas of bodies that no message describes: text, bytes, and documents that are passed on as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from heartguard_common.http.routing import ANY_TYPE, DOCUMENT_TYPES

OCTETS = "application/octet-stream"
# `format: binary` is how generators of client code tell bytes from text, in OpenAPI 3.1 too.
_BYTES = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_JSON, _XML, *_ = DOCUMENT_TYPES
_SCHEMAS: Mapping[str, Mapping[str, str]] = {_JSON: _OBJECT, _XML: _TEXT}


def content(media_type: str) -> dict[str, Any]:
    """The Media Type Object of a body that is not a message; line formats such as CSV and NDJSON are text."""
    text = media_type.startswith("text/") or media_type.endswith("ndjson")
    return {"schema": dict(_SCHEMAS.get(media_type, _TEXT if text else _BYTES))}


def listed(media_types: Iterable[str]) -> list[str]:
    """The media types as an operation lists them: with `*/*` for any type, one that generators know comes first."""
    found = list(media_types) or list(ANY_TYPE)
    return [OCTETS, *found] if found == list(ANY_TYPE) else found
