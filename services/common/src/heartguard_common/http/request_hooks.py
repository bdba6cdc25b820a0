"""Before and after each request: ids, client and representation; the common headers, the log line, the metrics."""

import time
from collections.abc import Sequence

from flask import Flask, Response

from heartguard_common.contract.representation import choose
from heartguard_common.core.errors import NOT_ACCEPTABLE, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID, TRACEPARENT, accept_request_id, continued
from heartguard_common.http import error_rendering
from heartguard_common.http.current_request import current, headers
from heartguard_common.http.endpoint import Endpoint
from heartguard_common.http.forwarding import forwarded
from heartguard_common.http.routing import ANY_TYPE, DOCUMENT_TYPES, FORMATS
from heartguard_common.http.web_dependencies import WebDependencies


def begin(app: Flask, web: WebDependencies) -> None:
    """Give the request its ids, its client and its representation, before anything can be refused."""
    asked, state = current()
    state.started = time.monotonic()
    fields = asked.headers
    state.request_id = accept_request_id(fields.get("X-Request-ID"))
    REQUEST_ID.set(state.request_id)
    client = forwarded(headers(), web.gateway_key)
    state.address = client or asked.remote_addr or ""
    # The id names the gateway's audit event: a direct caller could name one of another caller.
    GATEWAY_REQUEST_ID.set(fields.get("X-Gateway-Request-ID") if client else None)
    TRACEPARENT.set(continued(fields.get("traceparent")))
    view = app.view_functions.get(asked.endpoint or "")
    rule, offers = (view.rule, view.route.offers) if isinstance(view, Endpoint) else (None, DOCUMENT_TYPES)
    state.rule = rule
    accept, dialect = fields.get("Accept"), rule.errors if rule else None
    state.error_type = dialect or error_rendering.error_type(
        accept, choose(accept, DOCUMENT_TYPES) or DOCUMENT_TYPES[0]
    )
    wanted = asked.args.get("format")
    chosen = offers[0] if offers == ANY_TYPE else _representation(accept, wanted, offers)
    # An error leaves in a document format even where the good answer would have been CSV or plain text.
    kind = chosen if chosen in DOCUMENT_TYPES else _representation(accept, wanted, DOCUMENT_TYPES) or DOCUMENT_TYPES[0]
    state.error_type = dialect or error_rendering.error_type(accept, kind, forced=wanted is not None)
    if chosen is None:
        raise ServiceError(NOT_ACCEPTABLE)
    state.media_type = chosen


def _representation(accept: str | None, wanted: str | None, offers: Sequence[str]) -> str | None:
    if wanted is not None:
        if wanted not in FORMATS:
            raise ServiceError(UNPROCESSABLE, details=(Violation("/format", "must be json or xml"),))
        return FORMATS[wanted] if FORMATS[wanted] in offers else None
    return choose(accept, offers)


def finish(web: WebDependencies, response: Response) -> Response:
    """Put on every answer what every answer carries, and count and log it."""
    asked, state = current()
    response.headers["X-Request-ID"] = state.request_id
    _vary_by_accept(response)
    route = asked.endpoint or "unmatched"
    elapsed = time.monotonic() - state.started
    web.metrics.observe(route, asked.method, response.status_code, elapsed)
    principal, rule = state.get("principal"), state.rule
    fields = {
        "method": asked.method,
        "path": asked.path if rule and not rule.free_text else web.policy.redact(asked.path),
        "route": route,
        "status": response.status_code,
        "latency_ms": round(elapsed * 1000, 2),
        "user_id": principal.user_id if principal else None,
        "org_id": principal.org_id if principal else None,
    }
    if principal is not None and principal.api_key is not None:
        fields["api_key"] = principal.api_key.id
    if "error_code" in state:
        fields["code"] = state.error_code
        web.metrics.refused(state.error_code)
    web.log.info("request", extra={"fields": fields})
    return response


def _vary_by_accept(response: Response) -> None:
    if "Vary" in response.headers:
        response.vary.add("Accept")
    else:
        response.headers["Vary"] = "Accept"
