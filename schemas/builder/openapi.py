"""openapi.json 3.1: each row of the policy joined with the route that answers it, and the messages of the contract."""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from heartguard_common import errors
from heartguard_common.policy import ANYONE, INNER, SERVICES, UNLIMITED, Policy, Row
from heartguard_common.routing import DOCUMENT_TYPES, Route

Schema = Mapping[str, Any]

STANDARD = {"health": "Health", "ready": "Readiness"}  # routes every service has, mounted by the library itself
FILES = {"/openapi.json": ("application/json",), "/schemas/{file}": ("application/json", "application/xml")}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of a person.",
    },
    "operator": {"type": "http", "scheme": "bearer", "description": "OPERATOR_TOKEN."},
    "service": {"type": "http", "scheme": "basic", "description": "Name and secret of a service."},
}
PARAMETERS = {
    "user_id": {"$ref": "#/components/schemas/id"},
    "item_id": {"$ref": "#/components/schemas/uuid"},
    "event_id": {"$ref": "#/components/schemas/uuid"},
    "job_id": {"$ref": "#/components/schemas/uuid"},
    "bucket": {"$ref": "#/components/schemas/bucket"},
}
FORMAT = {
    "name": "format",
    "in": "query",
    "description": "Overrides Accept.",
    "schema": {"type": "string", "enum": ["json", "xml"]},
}
_ERROR = {"schema": {"$ref": "#/components/schemas/Error"}}
# The one message whose JSON has a wrapper its XML has not: the XML is described by what the wrapper holds.
_ERROR_XML = {"schema": {"$ref": "#/components/schemas/error", "xml": {"name": "Error"}}}
_READINESS = {"schema": {"$ref": "#/components/schemas/Readiness"}}
RESPONSES = {
    "Refusal": {
        "description": "A refusal.",
        "content": dict(zip(DOCUMENT_TYPES, (_ERROR, _ERROR_XML, _ERROR_XML), strict=True)),
    },
    "Unready": {"description": "A dependency fails.", "content": dict.fromkeys(DOCUMENT_TYPES, _READINESS)},
}
WITH_A_BODY = {408, 413, 415}


class JoinError(Exception):
    """A row without a route, a route without a row, or a route that names an unknown message."""


def document(resources: Mapping[str, Schema], policy: Policy) -> dict[str, Any]:
    """The OpenAPI document of all rows of the policy. Raises JoinError where rows and routes differ."""
    definitions = {name: schema for resource in resources.values() for name, schema in resource["$defs"].items()}
    catalogue = _catalogue()
    paths: dict[str, dict[str, Any]] = {}
    joined = list(_join(policy))
    for row, route in joined:
        names = {name for name in (route.takes, route.gives, route.query) if name}
        if unknown := names - definitions.keys():
            raise JoinError(f"{row.id} names unknown messages: {', '.join(sorted(unknown))}")
        operation = _Operation(row, route, definitions, catalogue).document()
        paths.setdefault(row.path, {})[row.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HeartGuard",
            "version": "0.1.0",
            "description": "Telemetry of wearables, behind one gateway. Every answer is JSON or XML, by Accept.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in SERVICES],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": _components(definitions),
            "responses": RESPONSES,
            "securitySchemes": SECURITY,
        },
        "x-error-codes": [
            {"code": row.code, "status": row.status, "message": row.title}
            for row in sorted({row for rows in catalogue.values() for row in rows}, key=lambda row: row.code)
        ],
    }


def _catalogue() -> dict[str, tuple[errors.ErrorRow, ...]]:
    """The error rows of each service; the shared ones under the empty name."""
    rows: dict[str, tuple[errors.ErrorRow, ...]] = {"": errors.ROWS}
    for service in SERVICES:
        rows[service] = tuple(importlib.import_module(f"heartguard_{service}.errors").ROWS)
    return rows


def _join(policy: Policy) -> Iterator[tuple[Row, Route]]:
    """Each row with its route, in the order of the policy."""
    for service in SERVICES:
        routes: dict[tuple[str, str], Route] = {}
        if service != "gateway":
            table = importlib.import_module(f"heartguard_{service}.routes").ROUTES
            routes = {(route.method, route.path): route for route in table}
        for row in policy.of(service):
            route = routes.pop((row.method, row.path), None) or _own_route(row)
            if route is None:
                raise JoinError(f"{row.id} has no route in {service}")
            yield row, route
        if routes:
            raise JoinError(f"routes of {service} without a row: {', '.join(map(' '.join, sorted(routes)))}")


def _own_route(row: Row) -> Route | None:
    """The route of a row that no table holds: health, ready, metrics, and what the gateway itself answers."""
    last = row.path.rpartition("/")[2]

    def handler(*_: object) -> Any:
        raise JoinError("a description does not answer")

    if last in STANDARD:
        return Route(row.method, row.path, handler, gives=STANDARD[last], body="none")
    if last == "metrics":
        return Route(row.method, row.path, handler, body="none", offers=("text/plain",))
    if row.path == "/gateway/services":
        return Route(row.method, row.path, handler, gives="ServiceList", body="none")
    if row.path in FILES:
        return Route(row.method, row.path, handler, body="none", offers=FILES[row.path])
    return None


class _Operation:
    """One operation: what it takes, every status it can give, who may call it."""

    def __init__(
        self,
        row: Row,
        route: Route,
        definitions: Mapping[str, Schema],
        catalogue: Mapping[str, Sequence[errors.ErrorRow]],
    ) -> None:
        self._row = row
        self._route = route
        self._definitions = definitions
        self._catalogue = catalogue

    def document(self) -> dict[str, Any]:
        row, route = self._row, self._route
        made: dict[str, Any] = {
            "operationId": row.id,
            "tags": [row.upstream],
            "summary": self._summary(),
            "parameters": [
                *self._path_parameters(),
                *self._query_parameters(),
                *self._header_parameters(),
                FORMAT,
            ],
            "responses": self._responses(),
            "x-audited": row.audited,
            "x-limit": row.limit,
            "x-who": row.who if isinstance(row.who, str) else dict(row.who),
        }
        security = self._security()
        if security is not None:
            made["security"] = security
        if route.takes or route.body == "stream":
            made["requestBody"] = self._request_body()
        return made

    def _summary(self) -> str:
        words = self._row.id.partition(".")[2].replace("_", " ")
        named = self._route.gives or self._route.takes
        return self._definitions[named]["description"] if named else words.capitalize() + "."

    def _path_parameters(self) -> Iterator[dict[str, Any]]:
        for name in re.findall(r"\{([a-z_]+)\}", self._row.path):
            schema = PARAMETERS.get(name, {"type": "string"})
            yield {"name": name, "in": "path", "required": True, "schema": schema}

    def _query_parameters(self) -> Iterator[dict[str, Any]]:
        if self._route.query is None:
            return
        message = self._definitions[self._route.query]
        for name, schema in message["properties"].items():
            required = name in message.get("required", ())
            yield {"name": name, "in": "query", "required": required, "schema": _component(schema)}

    def _header_parameters(self) -> Iterator[dict[str, Any]]:
        names = {"Idempotency-Key": self._route.idempotent, "If-Match": self._row.method in ("PUT", "PATCH")}
        for name, taken in names.items():
            if taken and self._route.body != "stream":
                yield {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}

    def _request_body(self) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{self._route.takes}"} if self._route.takes else None
        content: dict[str, Any] = {}
        for media_type in self._route.accepts or ("*/*",):
            typed = schema is not None and (media_type in DOCUMENT_TYPES or media_type.endswith("form-urlencoded"))
            content[media_type] = {"schema": schema} if typed else {}
        return {"required": self._route.body != "optional", "content": content}

    def _security(self) -> list[dict[str, list[str]]] | None:
        who = self._row.who
        if who == ANYONE:
            return [{}, {"bearer": []}] if self._row.credentials == "optional" else None
        if who == INNER:
            return [{}, {"operator": []}]
        schemes = {"operator": "operator", "service": "service"}
        return [{name: []} for name in dict.fromkeys(schemes.get(role, "bearer") for role in who)]

    def _responses(self) -> dict[str, Any]:
        made: dict[int, Any] = {self._route.status: self._success()}
        if self._route.offers == ("*/*",):
            made[206] = {"description": "Partial Content", "content": {"*/*": {}}}
        for status in sorted(self._statuses()):
            made.setdefault(status, self._refusal(status))
        return {str(status): made[status] for status in sorted(made)}

    def _success(self) -> dict[str, Any]:
        status, gives = self._route.status, self._route.gives
        answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if gives is not None:
            schema = {"$ref": f"#/components/schemas/{gives}"}
            answer["content"] = {
                offer: {"schema": schema} if offer in DOCUMENT_TYPES else {} for offer in self._route.offers
            }
        elif status != HTTPStatus.NO_CONTENT:
            answer["content"] = {offer: {} for offer in self._route.offers if offer not in DOCUMENT_TYPES}
        return answer

    def _statuses(self) -> set[int]:
        """Every status but the good one: what the gateway, the edge and the service's own catalogue can give."""
        row, route = self._row, self._route
        gateway = {entry.status for entry in self._catalogue["gateway"]}
        found = {400, 406, 422, 500} | {entry.status for entry in self._own_rows()} | gateway - WITH_A_BODY
        conditions = (
            (route.takes is not None or route.body == "stream", WITH_A_BODY),
            (row.who != ANYONE or row.credentials == "optional", {401, 503}),
            (row.who != ANYONE, {403}),
            (row.limit != UNLIMITED, {429}),
            ("{" in row.path, {404}),
            (row.method in ("PUT", "PATCH") and route.gives is not None, {412}),
            (row.method == "GET" and route.body != "stream", {304}),
        )
        return found.union(*(statuses for holds, statuses in conditions if holds)) - {405}

    def _own_rows(self) -> Sequence[errors.ErrorRow]:
        return self._catalogue[self._row.upstream]

    def _refusal(self, status: int) -> dict[str, Any]:
        if status == HTTPStatus.NOT_MODIFIED:
            return {"description": HTTPStatus(status).phrase}
        rows = [*self._catalogue[""], *self._catalogue["gateway"], *self._own_rows()]
        codes = sorted({row.code for row in rows if row.status == status})
        phrase = HTTPStatus(status).phrase
        description = f"{phrase}: {', '.join(codes)}" if codes else phrase
        name = "Unready" if status == HTTPStatus.SERVICE_UNAVAILABLE and self._ready() else "Refusal"
        return {"$ref": f"#/components/responses/{name}", "description": description}

    def _ready(self) -> bool:
        return self._row.path.endswith("/ready")


def _components(definitions: Mapping[str, Schema]) -> dict[str, Any]:
    return {name: _component(definitions[name]) for name in sorted(definitions)}


def _component(schema: Any) -> Any:
    """A schema with its references into schema files turned into references to components."""
    if isinstance(schema, Mapping):
        return {
            key: f"#/components/schemas/{value.rpartition('/')[2]}" if key == "$ref" else _component(value)
            for key, value in schema.items()
        }
    return [_component(value) for value in schema] if isinstance(schema, list) else schema
