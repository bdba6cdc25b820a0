"""Generates openapi.json (3.1) from the rules of the policy, the routes that answer them, and the messages."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from heartguard_common.core import errors
from heartguard_common.http.background_routes import BACKGROUND, background_routes
from heartguard_common.http.dead_letter_routes import DEAD_LETTERS, dead_letter_routes
from heartguard_common.http.error_rendering import PROBLEM_JSON, PROBLEM_XML
from heartguard_common.http.job_routes import JOBS, job_routes
from heartguard_common.http.routing import (
    ANY_TYPE,
    DOCUMENT_TYPES,
    EVENT_STREAM,
    Answer,
    AnyRoute,
    Call,
    EmptyCall,
    Route,
    StreamAnswer,
)
from heartguard_common.http.standard_routes import standard_routes
from heartguard_common.identity.policy import INNER, SERVICE, SERVICES, VERSION, Policy, RouteRule
from heartguard_common.messages import LandingQuery, ServiceList, StreamQuery, StreamTicket, SystemHealth
from heartguard_gateway.errors import NO_STREAMS, STREAMS_FULL
from schemas.builder import components, examples, headers, health, introduction, operation_text
from schemas.builder.catalogue import error_catalogue, in_order
from schemas.builder.operation import SCHEMAS, SECURITY, Operation, Schema

OPERATOR = "operator"
_NO_ANSWER = "a description does not answer"
_ERROR = {"schema": {"$ref": "#/components/schemas/Error"}}
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_ERRORS = {
    **dict.fromkeys(DOCUMENT_TYPES, _ERROR),
    **dict.fromkeys((PROBLEM_JSON, PROBLEM_XML), _PROBLEM),
}


class JoinError(Exception):
    """A rule without a route, a route without a rule, or a route that names an unknown message."""


def internal(rule: RouteRule) -> bool:
    """Whether a route is for operation: for services, the operator or the inner network, and for no person."""
    return rule.who == INNER or (not isinstance(rule.who, str) and set(rule.who) <= {OPERATOR, SERVICE})


def document(resources: Mapping[str, Schema], policy: Policy, *, of_internal: bool = False) -> dict[str, Any]:
    """The OpenAPI document of the routes of apps and portals, or with `of_internal` of the internal ones.

    Raises JoinError where rules and routes differ.
    """
    definitions = {name: schema for resource in resources.values() for name, schema in resource["$defs"].items()}
    catalogue = error_catalogue()
    schemas = components.schemas({**definitions, **health.SCHEMAS, **SCHEMAS})
    known = examples.examples()
    joined = list(join(policy))
    named = named_codes(catalogue, joined)
    paths: dict[str, dict[str, Any]] = {}
    for rule, route in joined:
        names = {name for name in (route.takes, route.gives, route.query) if name}
        if unknown := names - definitions.keys():
            raise JoinError(f"{rule.id} names unknown messages: {', '.join(sorted(unknown))}")
        if internal(rule) is of_internal:
            operation = Operation(rule, route, definitions, catalogue, known, named).document()
            paths.setdefault(rule.path, {})[rule.method.lower()] = operation
    parts = {
        "schemas": schemas,
        "responses": _responses(catalogue, known),
        "headers": headers.components(),
        **examples.components(known),
        "securitySchemes": SECURITY,
    }
    return {
        "openapi": "3.1.0",
        "info": introduction.info(of_internal=of_internal),
        "servers": [{"url": "/"}, {"url": f"/{'/'.join(VERSION)}"}],
        "tags": introduction.tags({operation_text.tag(rule) for rule, _ in joined if internal(rule) is of_internal}),
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": components.needed(paths, parts),
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
    shared = (
        ("/health", standard_routes),
        (BACKGROUND, background_routes),
        (DEAD_LETTERS, dead_letter_routes),
        (JOBS, job_routes),
    )
    for last, routes in shared:
        paths = (rule.path for rule in policy.of(service) if rule.path.endswith(last) and rule.path != health.PATH)
        path = next(paths, None)
        made += () if path is None else routes(path.removesuffix(last))
    return made


def _own_route(rule: RouteRule) -> AnyRoute | None:
    """A route that the gateway itself answers."""
    handled: dict[str, Callable[[], AnyRoute]] = {
        health.PATH: lambda: Route(rule.method, rule.path, check_system_health, offers=health.OFFERS),
        "/gateway/services": lambda: Route(rule.method, rule.path, list_services),
        "/ping": lambda: Route(
            rule.method, rule.path, check_ping, status=204, offers=ANY_TYPE, headers=("X-Influxdb-Version",)
        ),
        "/stream": lambda: Route(
            rule.method,
            rule.path,
            watch_stream,
            offers=(EVENT_STREAM,),
            raises=(errors.LIMIT_FOR_NOW, NO_STREAMS, STREAMS_FULL),
        ),
        "/stream/tickets": lambda: Route(rule.method, rule.path, create_stream_ticket, status=201),
    }
    if rule.path in handled:
        return handled[rule.path]()
    if rule.path in FILES:
        handler, offers = FILES[rule.path]
        # What only the operator may read is not kept by caches, so that it needs no tag.
        return Route(rule.method, rule.path, handler, offers=offers, headers=() if internal(rule) else ("ETag",))
    return None


# Of these only the names, signatures and docstrings count.
def list_services(_: None, __: EmptyCall) -> Answer[ServiceList]:
    """List the services and their state.

    The gateway asks each of them.
    """
    raise JoinError(_NO_ANSWER)


def check_system_health(_: None, __: EmptyCall) -> Answer[SystemHealth]:
    """Check the health of the whole system.

    The services are asked every 5 s at most; 503 if none is ready.
    """
    raise JoinError(_NO_ANSWER)


def check_ping(_: None, __: EmptyCall) -> Answer[None]:
    """Check whether the gateway runs, as clients of InfluxDB do.

    `X-Influxdb-Version` is the release whose write API is compatible with this one.
    """
    raise JoinError(_NO_ANSWER)


def watch_stream(_: None, __: Call[None, StreamQuery]) -> StreamAnswer:
    """Watch points, alarms and jobs as they are stored.

    Server-sent events, as `EventSource` of browsers reads them: each event has the name of its topic, and as data one
    message in JSON, or with `format=xml` in XML. `reset` says that events are missing, `bye` that the stream ends.
    After a lost connection the header `Last-Event-ID` resumes within ten minutes. A comment every 15 s keeps the
    connection open. Admins and managers see their organization, users what is theirs; API keys the points of their
    buckets.
    """
    raise JoinError(_NO_ANSWER)


def create_stream_ticket(_: None, __: EmptyCall) -> Answer[StreamTicket]:
    """Get a ticket that opens one live stream.

    For `EventSource`, which sends no header. It is valid once, for 30 s, and stands for the token that it was asked for
    with.
    """
    raise JoinError(_NO_ANSWER)


def read_landing_page(_: None, __: Call[None, LandingQuery]) -> StreamAnswer:
    """Read the landing page, in English or Spanish."""
    raise JoinError(_NO_ANSWER)


def read_asset(_: None, __: EmptyCall) -> StreamAnswer:
    """Read a script, style or picture of the pages."""
    raise JoinError(_NO_ANSWER)


def read_portal(_: None, __: EmptyCall) -> StreamAnswer:
    """Read the page of the web portal."""
    raise JoinError(_NO_ANSWER)


def read_portal_file(_: None, __: EmptyCall) -> StreamAnswer:
    """Read a script or style of the web portal.

    The version is that of the page; files of former versions are not found.
    """
    raise JoinError(_NO_ANSWER)


def read_schema_index(_: None, __: EmptyCall) -> StreamAnswer:
    """Read the page that lists the schemas."""
    raise JoinError(_NO_ANSWER)


def read_openapi(_: None, __: EmptyCall) -> StreamAnswer:
    """Read this description of the API, as OpenAPI 3.1."""
    raise JoinError(_NO_ANSWER)


def read_internal_openapi(_: None, __: EmptyCall) -> StreamAnswer:
    """Read the description of the internal routes, as OpenAPI 3.1."""
    raise JoinError(_NO_ANSWER)


def read_reference(_: None, __: EmptyCall) -> StreamAnswer:
    """Read the page with the reference of the API."""
    raise JoinError(_NO_ANSWER)


def read_error_codes(_: None, __: EmptyCall) -> StreamAnswer:
    """Read the page that explains each error code."""
    raise JoinError(_NO_ANSWER)


def read_schema(_: None, __: EmptyCall) -> StreamAnswer:
    """Read a JSON Schema or an XSD of the messages.

    `<resource>.schema.json` or `<resource>.xsd`.
    """
    raise JoinError(_NO_ANSWER)


FILES: Mapping[str, tuple[Callable[[None, Any], StreamAnswer], tuple[str, ...]]] = {
    "/": (read_landing_page, ("text/html",)),
    "/assets/{asset}": (read_asset, ANY_TYPE),
    "/portal": (read_portal, ("text/html",)),
    "/portal/{version}/{folder}/{asset}": (read_portal_file, ANY_TYPE),
    "/openapi.json": (read_openapi, ("application/json",)),
    "/openapi-internal.json": (read_internal_openapi, ("application/json",)),
    "/docs": (read_reference, ("text/html",)),
    "/docs/errors": (read_error_codes, ("text/html",)),
    "/schemas": (read_schema_index, ("text/html",)),
    "/schemas/{file}": (read_schema, ("application/json", "application/xml")),
}


def _responses(catalogue: Mapping[str, Sequence[errors.ErrorCode]], known: Mapping[str, Any]) -> dict[str, Any]:
    """One component for each status of the catalogue, and the answer of a service that is not ready."""
    made: dict[str, Any] = {}
    for status in sorted({it.status for codes in catalogue.values() for it in codes}):
        content = {
            kind: {**entry, **examples.of("Problem" if entry is _PROBLEM else "Error", kind, known)}
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
