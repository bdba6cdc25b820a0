"""One operation of openapi.json: its request, all its answers, and who may call it."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from heartguard_common.contract.error_documents import INFLUXDB, INFLUXDB_1
from heartguard_common.core.errors import ErrorCode
from heartguard_common.http.routing import DOCUMENT_TYPES, HEALTH_JSON, AnyRoute
from heartguard_common.identity.policy import ANYONE, INNER, SERVICE, UNLIMITED, RouteRule
from schemas.builder import examples, headers, health, operation_text, raw_content, refusals
from schemas.builder.components import component

Schema = Mapping[str, Any]

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's access token, from `POST /auth/login`; with `x-keys` also an API key.",
    },
    "operator": {"type": "http", "scheme": "bearer", "description": "`OPERATOR_TOKEN`, the operator's secret."},
    "service": {
        "type": "http",
        "scheme": "basic",
        "description": "Name and secret of a service, accepted only at a service's own port.",
    },
}
PARAMETERS = {
    "user_id": {"$ref": "#/components/schemas/id"},
    "item_id": {"$ref": "#/components/schemas/uuid"},
    "event_id": {"$ref": "#/components/schemas/uuid"},
    "job_id": {"$ref": "#/components/schemas/uuid"},
    "invitation_id": {"$ref": "#/components/schemas/uuid"},
    "session_id": {"$ref": "#/components/schemas/uuid"},
    "key_id": {"$ref": "#/components/schemas/uuid"},
    "bucket": {"$ref": "#/components/schemas/bucket_name"},
}
# One component, so that generators make one type of it and not one for each operation.
SCHEMAS = {
    "answer_format": {"description": "`json` or `xml`.", "type": "string", "enum": ["json", "xml"]},
}
FORMAT = {
    "name": "format",
    "in": "query",
    "description": "The format of the answer; overrides Accept.",
    "schema": {"$ref": "#/components/schemas/answer_format"},
}
CONDITIONS = {
    "Idempotency-Key": ("The same request with the same key within 24 h gets the same answer.", (1, 255)),
    "If-Match": ("Change the resource only if this is its ETag; otherwise 412.", (1, 1000)),
    "If-None-Match": ("Answer 304 if this is the ETag.", (1, 1000)),
    "Range": ("The requested bytes of the file, for example `bytes=0-99` (RFC 9110 section 14.2).", (1, 100)),
}
# The content of errors of routes with a dialect, which is not a message of the contract.
DIALECTS: Mapping[str, Any] = {
    INFLUXDB: {
        "application/json": {
            "schema": {
                "description": "An error in the format of InfluxDB 2.",
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {
                        "description": "The code of InfluxDB 2 for the status, such as `invalid`.",
                        "type": "string",
                    },
                    "message": {"description": "What went wrong, in English.", "type": "string"},
                },
            }
        }
    },
    INFLUXDB_1: {
        "application/json": {
            "schema": {
                "description": "An error in the format of InfluxDB 1.",
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"description": "What went wrong, in English.", "type": "string"}},
            }
        }
    },
}
SCOPES = {"any": "", "own": " (own organization)", "self": " (themselves)"}
_ENTRY = "^[ -~]*$"


class Operation:
    """One operation, from its rule of the policy and its route. `known`: the example components."""

    def __init__(
        self,
        rule: RouteRule,
        route: AnyRoute,
        definitions: Mapping[str, Schema],
        catalogue: Mapping[str, Sequence[ErrorCode]],
        known: Mapping[str, Any],
        named: Collection[str],
    ) -> None:
        self._rule = rule
        self._route = route
        self._definitions = definitions
        self._known = known
        self._refusals = refusals.codes_of(rule, route, catalogue, named)

    def document(self) -> dict[str, Any]:
        """The Operation Object."""
        rule, route = self._rule, self._route
        made: dict[str, Any] = {
            "operationId": operation_text.operation_id(rule, route),
            "tags": [operation_text.tag(rule)],
            "summary": operation_text.summary(route),
            "description": self._description(),
            "parameters": [
                *self._path_parameters(),
                *self._query_parameters(),
                *self._header_parameters(),
                FORMAT,
            ],
            "responses": self._responses(),
            "x-permission": rule.id,
            "x-audited": rule.audited,
            "x-limit": rule.limit,
            "x-who": rule.who if isinstance(rule.who, str) else dict(rule.who),
            **({"x-keys": sorted(rule.keys)} if rule.keys else {}),
            **({"x-services": sorted(rule.services)} if rule.services else {}),
            "x-error-codes": [entry.code for entry in self._refusals],
            "security": self._security(),
        }
        if not rule.versioned:
            made["servers"] = [{"url": "/"}]
        if rule.deprecation is not None:
            made["deprecated"] = True
        if route.takes or route.body == "stream":
            made["requestBody"] = self._request_body()
        return made

    def _description(self) -> str:
        rule = self._rule
        if rule.who == ANYONE:
            who = "Anyone" + (", with or without a token" if rule.credentials == "optional" else "")
        elif rule.who == INNER:
            who = "The operator, and anyone on the inner network"
        else:
            who = ", ".join(self._allowed(role, scope) for role, scope in dict(rule.who).items())
        limit = "no rate limit" if rule.limit == UNLIMITED else f"rate class `{rule.limit}`"
        access = f"Who may: {who}. {limit.capitalize()}; {'audited' if rule.audited else 'not audited'}."
        return "\n\n".join(filter(None, (operation_text.details(self._route), access)))

    def _allowed(self, role: str, scope: str) -> str:
        if role == SERVICE:
            return f"the services {', '.join(sorted(self._rule.services))} (never through the gateway)"
        return f"{role}{SCOPES[scope]}"

    def _path_parameters(self) -> Iterator[dict[str, Any]]:
        for name in re.findall(r"\{([a-z_]+)\}", self._rule.path):
            schema = PARAMETERS.get(name, {"type": "string", "minLength": 1, "maxLength": 255})
            text = operation_text.PARAMETERS[name]
            yield {"name": name, "in": "path", "required": True, "description": text, "schema": schema}

    def _query_parameters(self) -> Iterator[dict[str, Any]]:
        if self._route.query is None:
            return
        message = self._definitions[self._route.query]
        for name, schema in message["properties"].items():
            required = name in message.get("required", ())
            meant = self._definitions.get(schema.get("$ref", "").rpartition("/")[2], {})
            text = schema.get("description") or meant["description"]
            yield {
                "name": name,
                "in": "query",
                "required": required,
                "description": text,
                "schema": component(schema),
            }

    def _header_parameters(self) -> Iterator[dict[str, Any]]:
        rule, route = self._rule, self._route
        taken = {
            "Idempotency-Key": route.idempotent,
            "If-Match": refusals.if_match(route),
            "If-None-Match": self._cached(),
            "Range": rule.id == "media.content",
        }
        for name, (text, (least, most)) in CONDITIONS.items():
            if taken[name]:
                schema = {"type": "string", "minLength": least, "maxLength": most, "pattern": _ENTRY}
                yield {"name": name, "in": "header", "required": False, "description": text, "schema": schema}

    def _request_body(self) -> dict[str, Any]:
        content = {kind: self._content(self._route.takes, kind) for kind in raw_content.listed(self._route.accepts)}
        most = self._rule.max_body
        stream = "At most `MAX_IMPORT_MB`." if self._rule.announced else "At most `MAX_UPLOAD_MB`."
        text = stream if most is None else f"At most {most // 1024} KiB, as sent and decompressed."
        return {"description": text, "required": self._route.body != "optional", "content": content}

    def _content(self, message: str | None, media_type: str) -> dict[str, Any]:
        """A Media Type Object; a message has examples in JSON and XML, and is a form too."""
        if media_type == HEALTH_JSON:
            return health.content()[media_type]  # type: ignore[no-any-return]
        form = media_type.endswith("form-urlencoded")
        if message is None or not (media_type in DOCUMENT_TYPES or form):
            return raw_content.content(media_type)
        made: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{message}"}}
        return made if form else made | examples.of(message, media_type, self._known)

    def _security(self) -> list[dict[str, list[str]]]:
        who = self._rule.who
        if who == ANYONE:
            return [{}, {"bearer": []}] if self._rule.credentials == "optional" else []
        if who == INNER:
            return [{}, {"operator": []}]
        schemes = {"operator": "operator", "service": "service"}
        return [{name: []} for name in dict.fromkeys(schemes.get(role, "bearer") for role in who)]

    def _responses(self) -> dict[str, Any]:
        made: dict[int, Any] = {self._route.status: self._success(self._route.status)}
        if self._rule.id == "media.content":
            made[206] = self._success(206)
        if self._cached():
            made[304] = {"description": "Not Modified", "headers": headers.of_success(self._rule, self._route, 304)}
        for status in sorted({entry.status for entry in self._refusals}):
            made[status] = self._refusal(status)
        if self._rule.path == health.PATH:
            made[503] = {"$ref": "#/components/responses/Unhealthy", "description": "No service is ready."}
        return {str(status): made[status] for status in sorted(made)}

    def _success(self, status: int) -> dict[str, Any]:
        rule, route = self._rule, self._route
        answer: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "headers": headers.of_success(rule, route, status),
        }
        if route.gives is not None:
            answer["content"] = {offer: self._content(route.gives, offer) for offer in route.offers}
        elif route.signature.streams:
            answer["content"] = {offer: raw_content.content(offer) for offer in raw_content.listed(route.offers)}
        return answer

    def _refusal(self, status: int) -> dict[str, Any]:
        titles = "; ".join(f"{entry.code} {entry.title}" for entry in self._refusals if entry.status == status)
        if status == HTTPStatus.SERVICE_UNAVAILABLE and self._rule.path.endswith("/ready"):
            return {"$ref": "#/components/responses/Unready", "description": f"A dependency fails. Or {titles}"}
        if self._rule.errors is not None:
            return {
                "description": titles,
                "headers": headers.of_refusal(status),
                "content": DIALECTS[self._rule.errors],
            }
        name = f"Refusal{status}{'.direct' if headers.direct(self._rule) else ''}"
        return {"$ref": f"#/components/responses/{name}", "description": titles}

    def _cached(self) -> bool:
        return self._rule.method == "GET" and "ETag" in self._route.headers
