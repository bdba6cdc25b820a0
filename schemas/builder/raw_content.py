"""Schemas of bodies that no message describes: text, bytes, and documents that are passed on as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from heartguard_common.http.routing import ANY_TYPE, DOCUMENT_TYPES, EVENT_STREAM

OCTETS = "application/octet-stream"
# `format: binary` is how generators of client code tell bytes from text, in OpenAPI 3.1 too.
_BYTES = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_JSON, _XML, *_ = DOCUMENT_TYPES
# The message that is the data of each event of a stream, by the event's name.
_EVENTS = {
    "points": "StreamPoints",
    "jobs": "StreamJob",
    "alarms": "StreamAlarm",
    "reset": "StreamReset",
    "bye": "StreamBye",
}
_SCHEMAS: Mapping[str, Mapping[str, str]] = {_JSON: _OBJECT, _XML: _TEXT}


def content(media_type: str) -> dict[str, Any]:
    """The Media Type Object of a body that is not a message; line formats such as CSV and NDJSON are text."""
    if media_type == EVENT_STREAM:
        events = {name: {"$ref": f"#/components/schemas/{message}"} for name, message in _EVENTS.items()}
        return {"schema": dict(_TEXT), "x-event-schemas": events}
    text = media_type.startswith("text/") or media_type.endswith("ndjson")
    return {"schema": dict(_SCHEMAS.get(media_type, _TEXT if text else _BYTES))}


def listed(media_types: Iterable[str]) -> list[str]:
    """The media types as an operation lists them: with `*/*` for any type, one that generators know comes first."""
    found = list(media_types) or list(ANY_TYPE)
    return [OCTETS, *found] if found == list(ANY_TYPE) else found
