"""Before and after each request: ids, client and representation; the common headers, the log line, the metrics."""

import time
from collections.abc import Sequence

from flask import Flask, Response, g, request

from heartguard_common.contract.representation import choose
from heartguard_common.core.errors import NOT_ACCEPTABLE, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID, TRACEPARENT, accept_request_id, continued
from heartguard_common.http import error_rendering
from heartguard_common.http.current_request import headers
from heartguard_common.http.endpoint import Endpoint
from heartguard_common.http.forwarding import forwarded
from heartguard_common.http.routing import ANY_TYPE, DOCUMENT_TYPES, FORMATS
from heartguard_common.http.web_dependencies import WebDependencies


def begin(app: Flask, web: WebDependencies) -> None:
    """Give the request its ids, its client and its representation, before anything can be refused."""
    g.started = time.monotonic()
    g.request_id = accept_request_id(request.headers.get("X-Request-ID"))
    REQUEST_ID.set(g.request_id)
    client = forwarded(headers(), web.gateway_key)
    g.address = client or request.remote_addr or ""
    # The id names the gateway's audit event: a direct caller could name one of another caller.
    GATEWAY_REQUEST_ID.set(request.headers.get("X-Gateway-Request-ID") if client else None)
    TRACEPARENT.set(continued(request.headers.get("traceparent")))
    view = app.view_functions.get(request.endpoint or "")
    g.rule, offers = (view.rule, view.route.offers) if isinstance(view, Endpoint) else (None, DOCUMENT_TYPES)
    accept, dialect = request.headers.get("Accept"), g.rule.errors if g.rule else None
    g.error_type = dialect or error_rendering.error_type(accept, choose(accept, DOCUMENT_TYPES) or DOCUMENT_TYPES[0])
    chosen = offers[0] if offers == ANY_TYPE else _representation(offers)
    # An error leaves in a document format even where the good answer would have been CSV or plain text.
    kind = chosen if chosen in DOCUMENT_TYPES else _representation(DOCUMENT_TYPES) or DOCUMENT_TYPES[0]
    g.error_type = dialect or error_rendering.error_type(accept, kind, forced="format" in request.args)
    if chosen is None:
        raise ServiceError(NOT_ACCEPTABLE)
    g.media_type = chosen


def _representation(offers: Sequence[str]) -> str | None:
    wanted = request.args.get("format")
    if wanted is not None:
        if wanted not in FORMATS:
            raise ServiceError(UNPROCESSABLE, details=(Violation("/format", "must be json or xml"),))
        return FORMATS[wanted] if FORMATS[wanted] in offers else None
    return choose(request.headers.get("Accept"), offers)


def finish(web: WebDependencies, response: Response) -> Response:
    """Put on every answer what every answer carries, and count and log it."""
    response.headers["X-Request-ID"] = g.request_id
    response.vary.add("Accept")
    route = request.endpoint or "unmatched"
    elapsed = time.monotonic() - g.started
    web.metrics.observe(route, request.method, response.status_code, elapsed)
    principal = g.get("principal")
    fields = {
        "method": request.method,
        "path": request.path if g.rule and not g.rule.free_text else web.policy.redact(request.path),
        "route": route,
        "status": response.status_code,
        "latency_ms": round(elapsed * 1000, 2),
        "user_id": principal.user_id if principal else None,
        "org_id": principal.org_id if principal else None,
    }
    if principal is not None and principal.api_key is not None:
        fields["api_key"] = principal.api_key.id
    if "error_code" in g:
        fields["code"] = g.error_code
        web.metrics.refused(g.error_code)
    web.log.info("request", extra={"fields": fields})
    return response
