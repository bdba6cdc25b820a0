"""The part of openapi.json about `/health`: the message, and application/health+json, which no message describes."""

from typing import Any

from heartguard_common.http.routing import DOCUMENT_TYPES, HEALTH_JSON

PATH = "/health"
MESSAGE = "SystemHealth"
OFFERS = (*DOCUMENT_TYPES, HEALTH_JSON)
_STATUS = {
    "description": "`pass`: ready; `warn`: some services are not; `fail`: not ready.",
    "type": "string",
    "enum": ["pass", "warn", "fail"],
}
_CHECK = {
    "type": "object",
    "additionalProperties": False,
    "required": ["componentType", "observedValue", "status", "time"],
    "properties": {
        "componentType": {"description": "Always `component`.", "type": "string"},
        "observedValue": {"description": "Whether the service is ready.", "type": "boolean"},
        "status": _STATUS,
        "time": {"$ref": "#/components/schemas/time"},
    },
}
SCHEMAS: dict[str, Any] = {
    "HealthCheckResponse": {
        "description": "The health of all services in the format of draft-inadarei-api-health-check-06 (JSON only).",
        "type": "object",
        "additionalProperties": False,
        "required": ["status", "version", "releaseId", "description", "output", "checks"],
        "properties": {
            "status": _STATUS,
            "version": {"description": "Version of the format, always `1`.", "type": "string"},
            "releaseId": {"description": "Version of HeartGuard.", "type": "string"},
            "description": {"description": "Always `HeartGuard`.", "type": "string"},
            "output": {"description": "What is not ready; empty if nothing is.", "type": "string"},
            "checks": {
                "description": "By service, such as `auth:ready`.",
                "type": "object",
                "additionalProperties": {"type": "array", "items": _CHECK},
            },
        },
    }
}


def content() -> dict[str, Any]:
    """The content of an answer of any status."""
    return {
        offer: {
            "schema": {"$ref": f"#/components/schemas/{'HealthCheckResponse' if offer == HEALTH_JSON else MESSAGE}"}
        }
        for offer in OFFERS
    }
