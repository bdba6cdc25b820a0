"""Generates openapi.json (3.1) from the rules of the policy, the routes that answer them, and the messages."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from heartguard_common import __version__
from heartguard_common.core import errors
from heartguard_common.http.background_routes import BACKGROUND, background_routes
from heartguard_common.http.dead_letter_routes import DEAD_LETTERS, dead_letter_routes
from heartguard_common.http.error_rendering import PROBLEM_JSON, PROBLEM_XML
from heartguard_common.http.routing import (
    ANY_TYPE,
    DOCUMENT_TYPES,
    Answer,
    AnyRoute,
    Call,
    EmptyCall,
    Route,
    StreamAnswer,
)
from heartguard_common.http.standard_routes import standard_routes
from heartguard_common.identity.policy import SERVICES, VERSION, Policy, RouteRule
from heartguard_common.messages import LandingQuery, ServiceList, SystemHealth
from schemas.builder import examples, headers, health
from schemas.builder.catalogue import error_catalogue, in_order
from schemas.builder.operation import SECURITY, Operation, Schema, component

_NO_ANSWER = "a description does not answer"
_ERROR = {"schema": {"$ref": "#/components/schemas/Error"}}
# Only this message has a wrapper in JSON that it does not have in XML: the XML is described by the wrapper's content.
_ERROR_XML = {"schema": {"$ref": "#/components/schemas/error_body", "xml": {"name": "Error"}}}
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_ERRORS = {
    **dict(zip(DOCUMENT_TYPES, (_ERROR, _ERROR_XML, _ERROR_XML), strict=True)),
    **dict.fromkeys((PROBLEM_JSON, PROBLEM_XML), _PROBLEM),
}
DESCRIPTION = """Telemetry of wearables, behind one gateway.

**Formats.** Every message is JSON or XML. `Content-Type` names the format of a body, `Accept` (or `?format=json|xml`)
that of the answer; errors have the format of the answer. **Errors:** each operation lists the codes that it can return;
`/docs/errors` explains them. The message and the field pointers (`details`) are for people. With
`application/problem+json` or `application/problem+xml` in `Accept`, errors are problem details (RFC 9457).
**Limits.** Each rate class is a multiple of `RATE_LIMIT`, counted by address and caller. Each operation states the
largest body; a file may have `MAX_UPLOAD_MB`.
**Versions.** Every operation also exists under `/api/v1`, except for pages and keys.
**Every answer** has `X-Request-ID`. A method that a path does not support is answered with 405 and `Allow`.
HEAD is supported where GET is, and OPTIONS everywhere."""


class JoinError(Exception):
    """A rule without a route, a route without a rule, or a route that names an unknown message."""


def document(resources: Mapping[str, Schema], policy: Policy) -> dict[str, Any]:
    """The OpenAPI document of all rules of the policy. Raises JoinError where rules and routes differ."""
    definitions = {name: schema for resource in resources.values() for name, schema in resource["$defs"].items()}
    catalogue = error_catalogue()
    known = examples.examples()
    joined = list(join(policy))
    named = named_codes(catalogue, joined)
    paths: dict[str, dict[str, Any]] = {}
    for rule, route in joined:
        names = {name for name in (route.takes, route.gives, route.query) if name}
        if unknown := names - definitions.keys():
            raise JoinError(f"{rule.id} names unknown messages: {', '.join(sorted(unknown))}")
        operation = Operation(rule, route, definitions, catalogue, known, named).document()
        paths.setdefault(rule.path, {})[rule.method.lower()] = operation
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
            {"code": it.code, "status": it.status, "message": it.title, "service": service, "advice": it.advice}
            for service, it in in_order(catalogue)
        ],
    }


def named_codes(
    catalogue: Mapping[str, Sequence[errors.ErrorCode]], joined: Sequence[tuple[RouteRule, AnyRoute]]
) -> set[str]:
    """The codes that routes declare to raise. Raises JoinError for one that its service does not have."""
    for rule, route in joined:
        if strange := set(route.raises) - {*catalogue[rule.upstream], *catalogue[""]}:
            raise JoinError(f"{rule.id} raises what is in no catalogue of its service: {strange}")
    return {entry.code for _, route in joined for entry in route.raises}


def join(policy: Policy) -> Iterator[tuple[RouteRule, AnyRoute]]:
    """Each rule with its route, service by service. Raises JoinError for a rule or a route that has no other half."""
    for service in SERVICES:
        own: tuple[AnyRoute, ...] = ()
        if service != "gateway":
            own = importlib.import_module(f"heartguard_{service}.routes").ROUTES
        routes = {(route.method, route.path): route for route in own + _shared_routes(policy, service)}
        for rule in policy.of(service):
            route = routes.pop((rule.method, rule.path), None) or _own_route(rule)
            if route is None:
                raise JoinError(f"{rule.id} has no route in {service}")
            yield rule, route
        if routes:
            raise JoinError(f"routes of {service} without a rule: {', '.join(map(' '.join, sorted(routes)))}")


def _shared_routes(policy: Policy, service: str) -> tuple[AnyRoute, ...]:
    """The routes that the library gives a service: the standard ones, and what the policy has for the operator."""
    made: tuple[AnyRoute, ...] = ()
    shared = (("/health", standard_routes), (BACKGROUND, background_routes), (DEAD_LETTERS, dead_letter_routes))
    for last, routes in shared:
        paths = (rule.path for rule in policy.of(service) if rule.path.endswith(last) and rule.path != health.PATH)
        path = next(paths, None)
        made += () if path is None else routes(path.removesuffix(last))
    return made


def _own_route(rule: RouteRule) -> AnyRoute | None:
    """A route that the gateway itself answers."""
    if rule.path == health.PATH:
        return Route(rule.method, rule.path, _system_health, offers=health.OFFERS)
    if rule.path == "/gateway/services":
        return Route(rule.method, rule.path, _services)
    if rule.path in FILES:
        handler, offers = FILES[rule.path]
        return Route(rule.method, rule.path, handler, offers=offers, headers=("ETag",))
    return None


# Of these only the signatures and the docstrings count.
def _services(_: None, __: EmptyCall) -> Answer[ServiceList]:
    """How each service is, asked by the gateway."""
    raise JoinError(_NO_ANSWER)


def _system_health(_: None, __: EmptyCall) -> Answer[SystemHealth]:
    """The health of all services, which are asked every 5 s at most."""
    raise JoinError(_NO_ANSWER)


def _landing(_: None, __: Call[None, LandingQuery]) -> StreamAnswer:
    """What HeartGuard is: a page in English or Spanish."""
    raise JoinError(_NO_ANSWER)


def _asset(_: None, __: EmptyCall) -> StreamAnswer:
    """A script, style or picture of the pages."""
    raise JoinError(_NO_ANSWER)


def _schema_index(_: None, __: EmptyCall) -> StreamAnswer:
    """The index of the schemas: a page."""
    raise JoinError(_NO_ANSWER)


def _openapi(_: None, __: EmptyCall) -> StreamAnswer:
    """The description of the API, as OpenAPI 3.1."""
    raise JoinError(_NO_ANSWER)


def _docs(_: None, __: EmptyCall) -> StreamAnswer:
    """The documentation of the API: a page that loads nothing from other hosts."""
    raise JoinError(_NO_ANSWER)


def _errors(_: None, __: EmptyCall) -> StreamAnswer:
    """Every error code, what it means, and what to do: a page."""
    raise JoinError(_NO_ANSWER)


def _schema(_: None, __: EmptyCall) -> StreamAnswer:
    """A file of the contract, `<resource>.schema.json` or `<resource>.xsd`."""
    raise JoinError(_NO_ANSWER)


FILES: Mapping[str, tuple[Callable[[None, Any], StreamAnswer], tuple[str, ...]]] = {
    "/": (_landing, ("text/html",)),
    "/assets/{file}": (_asset, ANY_TYPE),
    "/openapi.json": (_openapi, ("application/json",)),
    "/docs": (_docs, ("text/html",)),
    "/docs/errors": (_errors, ("text/html",)),
    "/schemas": (_schema_index, ("text/html",)),
    "/schemas/{file}": (_schema, ("application/json", "application/xml")),
}


def _components(definitions: Mapping[str, Schema]) -> dict[str, Any]:
    return {name: component(definitions[name]) for name in sorted(definitions)}


def _responses(catalogue: Mapping[str, Sequence[errors.ErrorCode]], known: Mapping[str, Any]) -> dict[str, Any]:
    """One component for each status of the catalogue, and the answer of a service that is not ready."""
    made: dict[str, Any] = {}
    for status in sorted({it.status for codes in catalogue.values() for it in codes}):
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
    """Settings that limit rates and sizes, in addition to the limits in the schemas."""
    return {
        "body_bytes": dict(policy.bodies),
        "upload_mebibytes": "MAX_UPLOAD_MB",
        "depth": 64,
        "faults_listed": 100,
        "rate_limit": "RATE_LIMIT, as in 100/min",
        "rate_classes": dict(policy.classes),
    }
