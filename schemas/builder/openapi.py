"""openapi.json 3.1: each row of the policy joined with the route that answers it, and the messages of the contract."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from heartguard_common import __version__
from heartguard_common.core import errors
from heartguard_common.http.background_routes import BACKGROUND, background_routes
from heartguard_common.http.dead_letter_routes import DEAD_LETTERS, dead_letter_routes
from heartguard_common.http.error_rendering import PROBLEM_JSON, PROBLEM_XML
from heartguard_common.http.routing import DOCUMENT_TYPES, Answer, AnyRoute, EmptyCall, Route, StreamAnswer
from heartguard_common.http.standard_routes import standard_routes
from heartguard_common.identity.policy import SERVICES, VERSION, Policy, RouteRule
from heartguard_common.messages import ServiceList, SystemHealth
from schemas.builder import examples, headers, health
from schemas.builder.catalogue import error_catalogue, in_order
from schemas.builder.operation import SECURITY, Operation, Schema, component

_NO_ANSWER = "a description does not answer"
FILES = {
    "/openapi.json": ("application/json",),
    "/docs": ("text/html",),
    "/docs/errors": ("text/html",),
    "/schemas/{file}": ("application/json", "application/xml"),
}
_ERROR = {"schema": {"$ref": "#/components/schemas/Error"}}
# The one message whose JSON has a wrapper its XML has not: the XML is described by what the wrapper holds.
_ERROR_XML = {"schema": {"$ref": "#/components/schemas/error", "xml": {"name": "Error"}}}
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_ERRORS = {
    **dict(zip(DOCUMENT_TYPES, (_ERROR, _ERROR_XML, _ERROR_XML), strict=True)),
    **dict.fromkeys((PROBLEM_JSON, PROBLEM_XML), _PROBLEM),
}
DESCRIPTION = """Telemetry of wearables, behind one gateway.

**Formats.** Every message is JSON or XML: `Content-Type` says what is sent, `Accept` (or `?format=json|xml`) what is
wanted; an error has the format of the answer. **Errors** are listed for each operation with the codes it can give, and
explained at `/docs/errors`; the message and the field pointers (`details`) are for people. Who names
`application/problem+json` or `application/problem+xml` in `Accept` gets problem details (RFC 9457) instead.
**Limits.** Each rate class is a multiple of `RATE_LIMIT`, counted by address and caller; a body at most what its
operation says, a file `MAX_UPLOAD_MB`.
**Versions.** Every operation stands under `/api/v1` too, except for pages and keys.
**Any answer** carries `X-Request-ID`. A method that a path does not have is 405 with `Allow`;
HEAD is answered where GET is, and OPTIONS everywhere."""


class JoinError(Exception):
    """A row without a route, a route without a row, or a route that names an unknown message."""


def document(resources: Mapping[str, Schema], policy: Policy) -> dict[str, Any]:
    """The OpenAPI document of all rows of the policy. Raises JoinError where rows and routes differ."""
    definitions = {name: schema for resource in resources.values() for name, schema in resource["$defs"].items()}
    catalogue = error_catalogue()
    known = examples.examples()
    joined = list(_join(policy))
    named = named_codes(catalogue, joined)
    paths: dict[str, dict[str, Any]] = {}
    for row, route in joined:
        names = {name for name in (route.takes, route.gives, route.query) if name}
        if unknown := names - definitions.keys():
            raise JoinError(f"{row.id} names unknown messages: {', '.join(sorted(unknown))}")
        operation = Operation(row, route, definitions, catalogue, known, named).document()
        paths.setdefault(row.path, {})[row.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HeartGuard",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}, {"url": f"/{'/'.join(VERSION)}"}],
        "tags": [{"name": name} for name in SERVICES],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": _components({**definitions, **health.SCHEMAS}),
            "responses": _responses(catalogue, known),
            "headers": headers.components(),
            "examples": known,
            "securitySchemes": SECURITY,
        },
        "x-limits": _limits(policy),
        "x-error-codes": [
            {"code": row.code, "status": row.status, "message": row.title, "service": service, "advice": row.advice}
            for service, row in in_order(catalogue)
        ],
    }


def named_codes(
    catalogue: Mapping[str, Sequence[errors.ErrorCode]], joined: Sequence[tuple[RouteRule, AnyRoute]]
) -> set[str]:
    """The codes that some route says it raises. Raises JoinError for one that its service has not."""
    for row, route in joined:
        if strange := set(route.raises) - {*catalogue[row.upstream], *catalogue[""]}:
            raise JoinError(f"{row.id} raises what is in no catalogue of its service: {strange}")
    return {entry.code for _, route in joined for entry in route.raises}


def _join(policy: Policy) -> Iterator[tuple[RouteRule, AnyRoute]]:
    """Each row with its route, in the order of the policy."""
    for service in SERVICES:
        own: tuple[AnyRoute, ...] = ()
        if service != "gateway":
            own = importlib.import_module(f"heartguard_{service}.routes").ROUTES
        routes = {(route.method, route.path): route for route in own + _shared_routes(policy, service)}
        for row in policy.of(service):
            route = routes.pop((row.method, row.path), None) or _own_route(row)
            if route is None:
                raise JoinError(f"{row.id} has no route in {service}")
            yield row, route
        if routes:
            raise JoinError(f"routes of {service} without a row: {', '.join(map(' '.join, sorted(routes)))}")


def _shared_routes(policy: Policy, service: str) -> tuple[AnyRoute, ...]:
    """The routes that the library gives a service: the standard ones, and what the policy has for the operator."""
    made: tuple[AnyRoute, ...] = ()
    shared = (("/health", standard_routes), (BACKGROUND, background_routes), (DEAD_LETTERS, dead_letter_routes))
    for last, routes in shared:
        paths = (row.path for row in policy.of(service) if row.path.endswith(last) and row.path != health.PATH)
        path = next(paths, None)
        made += () if path is None else routes(path.removesuffix(last))
    return made


def _own_route(row: RouteRule) -> AnyRoute | None:
    """A route that the gateway answers itself."""
    if row.path == health.PATH:
        return Route(row.method, row.path, _system_health, offers=health.OFFERS)
    if row.path == "/gateway/services":
        return Route(row.method, row.path, _services)
    if row.path in FILES:
        return Route(row.method, row.path, _file, offers=FILES[row.path], headers=("ETag",))
    return None


# Of these only the signatures count.
def _services(_: None, __: EmptyCall) -> Answer[ServiceList]:
    raise JoinError(_NO_ANSWER)


def _system_health(_: None, __: EmptyCall) -> Answer[SystemHealth]:
    raise JoinError(_NO_ANSWER)


def _file(_: None, __: EmptyCall) -> StreamAnswer:
    raise JoinError(_NO_ANSWER)


def _components(definitions: Mapping[str, Schema]) -> dict[str, Any]:
    return {name: component(definitions[name]) for name in sorted(definitions)}


def _responses(catalogue: Mapping[str, Sequence[errors.ErrorCode]], known: Mapping[str, Any]) -> dict[str, Any]:
    """One component for each status of the catalogue, and the answer of a service that is not ready."""
    made: dict[str, Any] = {}
    for status in sorted({row.status for rows in catalogue.values() for row in rows}):
        content = {
            kind: {**entry, "examples": examples.of("Problem" if entry is _PROBLEM else "Error", kind, known)}
            for kind, entry in _ERRORS.items()
        }
        for suffix in ("", ".direct"):  # through the gateway, or at a service's own port
            made[f"Refusal{status}{suffix}"] = {
                "description": HTTPStatus(status).phrase,
                "headers": headers.of_refusal(status, of_service=bool(suffix)),
                "content": content,
            }
    readiness = {kind: {"schema": {"$ref": "#/components/schemas/Readiness"}} for kind in DOCUMENT_TYPES}
    made["Unready"] = {
        "description": "A dependency fails.",
        "headers": headers.of_refusal(503),
        "content": readiness,
    }
    made["Unhealthy"] = {
        "description": "No service is ready.",
        "headers": headers.of_refusal(503),
        "content": health.content(),
    }
    return made


def _limits(policy: Policy) -> dict[str, Any]:
    """What is counted and measured, beside the bounds that each schema states."""
    return {
        "body_bytes": dict(policy.bodies),
        "upload_mebibytes": "MAX_UPLOAD_MB",
        "depth": 64,
        "faults_listed": 100,
        "rate_limit": "RATE_LIMIT, as in 100/min",
        "rate_classes": dict(policy.classes),
    }
