"""A span for each request of a service, where traces are sent."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, g, has_request_context, request

from heartguard_common.core import trace
from heartguard_common.core.tracing import LiveSpan, Tracing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment  # known to type checkers only


def trace_requests(app: Flask) -> None:
    """Surround the application with spans; without traces it stays as it is."""
    if trace.SPANS is not None:
        # Flask's own way of adding a middleware
        app.wsgi_app = _Traced(app.wsgi_app, trace.SPANS)  # type: ignore[method-assign]


class _Traced:
    """A WSGI middleware."""

    def __init__(self, app: "WSGIApplication", spans: Tracing) -> None:
        self._app = app
        self._spans = spans

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        with self._spans.served(method, environ.get("HTTP_TRACEPARENT")) as span:
            return self._app(environ, _observed(start_response, span, method))


def _observed(start_response: "StartResponse", span: LiveSpan, method: str) -> Callable[..., Any]:
    def started(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        span.attribute("http.request.method", method)
        span.attribute("http.response.status_code", int(status[:3]))
        if has_request_context():
            _describe(span, method)
        if status.startswith("5"):
            span.failed(status[:3])
        return start_response(status, headers, *error)

    return started


def _describe(span: LiveSpan, method: str) -> None:
    """Say which route it was, and what the request's id is, by which the log lines are found."""
    rule = g.get("rule")
    if rule is not None:
        span.rename(f"{method} {rule.path}")
        span.attribute("http.route", rule.path)
    if "error_code" in g:
        span.attribute("heartguard.error_code", g.error_code)
    span.attribute("heartguard.request_id", g.get("request_id") or request.headers.get("X-Request-ID", ""))
