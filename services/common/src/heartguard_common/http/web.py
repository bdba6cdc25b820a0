"""The Flask application of every service: bytes become a checked document, a handler answers, and back.

One way for every request: choose a representation, authenticate, authorize, decode, call, encode. Handlers
never see JSON or XML.
"""

from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, g
from werkzeug.routing import BaseConverter

from heartguard_common.core.errors import BUSY, ServiceError
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.limits import LimitError
from heartguard_common.http import error_rendering, request_hooks
from heartguard_common.http.background_routes import operator_routes
from heartguard_common.http.endpoint import Endpoint
from heartguard_common.http.exception_mapping import to_service_error
from heartguard_common.http.route_table import require_same_routes
from heartguard_common.http.routing import DOCUMENT_TYPES, AnyRoute, Route, UseCasesT
from heartguard_common.http.span_middleware import trace_requests
from heartguard_common.http.standard_routes import Process, standard_routes
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.identity.policy import KINDS, RouteRule

# A path matches only the rules whose parameters have its form: `/users/me` is not `/users/{user_id}`.
CONVERTERS = {
    kind: type(kind, (BaseConverter,), {"regex": pattern.pattern, "part_isolating": True})
    for kind, pattern in KINDS.items()
}


def make_app(web: WebDependencies, routes: Sequence[Route[UseCasesT, Any]], usecases: UseCasesT) -> Flask:
    """The Flask application of a service. Raises `RouteTableError` when routes and policy differ."""
    app = Flask(f"heartguard_{web.service}", static_folder=None)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.url_map.converters = CONVERTERS
    table: list[tuple[AnyRoute, object]] = [(route, usecases) for route in routes]
    process = Process(web.service, web.lifecycle, web.metrics)
    table += [(route, process) for route in standard_routes(web.prefix)]
    table += operator_routes(web.prefix, web.background, web.dead_letters, web.jobs)
    require_same_routes(web.service, [route for route, _ in table], web.policy, web.contracts)
    for route, called in table:
        rule = web.policy.rule(route.method, route.path)
        assert rule is not None
        endpoint = Endpoint(web, route, rule, called)
        app.add_url_rule(_url_rule(rule), rule.id, endpoint, methods=[route.method], provide_automatic_options=False)
    app.before_request(lambda: request_hooks.begin(app, web))
    app.after_request(lambda response: request_hooks.finish(web, response))
    app.register_error_handler(Exception, lambda error: handle_errors(web, error))
    app.extensions[LIFECYCLE] = web.lifecycle
    trace_requests(app)
    return app


def _url_rule(rule: RouteRule) -> str:
    """A rule's path as Werkzeug writes it."""
    return "".join(f"/<{part.kind}:{part.text}>" if part.kind else f"/{part.text}" for part in rule.segments)


def handle_errors(web: WebDependencies, error: Exception) -> Response:
    """The one place that turns an exception into an answer, in the format the caller asked for."""
    known = error if isinstance(error, ServiceError) else to_service_error(error)
    g.error_code = known.error_code.code
    if isinstance(known, LimitError):
        web.metrics.limit_refused(known.limit)
    # a full lane is no failure: it is counted, and not logged with a stack
    if known.error_code.status >= 500 and known.error_code is not BUSY:
        web.log.error("%s", known, exc_info=error)
    media_type = g.get("error_type", DOCUMENT_TYPES[0])
    status, headers, body = error_rendering.render(known, media_type, g.request_id, web.contracts)
    return Response(body, status, headers)
