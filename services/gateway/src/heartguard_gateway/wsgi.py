"""From WSGI to the pipeline and back: every request becomes an exchange."""

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask

from heartguard_gateway.bodies.spool import BLOCK
from heartguard_gateway.domain import Exchange, Request
from heartguard_gateway.pipeline.pipeline import Pipeline
from heartguard_gateway.server.environ_keys import CLOSE, CUT, WAITED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment  # known to type checkers only


def read_request(environ: "WSGIEnvironment") -> Request:
    """The request of a WSGI environment (PEP 3333), its target as it was sent."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    headers.pop("content-length", None)
    return Request(
        method=environ["REQUEST_METHOD"],
        target=environ["RAW_URI"],
        headers=headers,
        peer=environ.get("REMOTE_ADDR", ""),
        body=environ["wsgi.input"],
        chunked="chunked" in headers.get("transfer-encoding", "").lower(),
        content_length=int(environ.get("CONTENT_LENGTH") or 0),
        protocol=environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        close=environ.get(CLOSE, lambda: None),
        waited=environ.get(WAITED, 0.0),
        cut=environ.get(CUT, lambda: None),
    )


_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def mount(app: Flask, pipeline: Pipeline, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Send every request of the application down the pipeline, before Flask makes objects of it.

    They were a good part of the gateway's cost (see bench/README.md), and every answer is the pipeline's anyway.
    """

    def visit(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = read_request(environ)
        reply = pipeline.handle(Exchange(request, monotonic()))
        unread = request.chunked or request.content_length > BLOCK
        if unread and not request.consumed:
            request.close()  # reading a large refused body to its end would cost more than a new connection
        if reply.body and not any(name.lower() == "content-length" for name, _ in reply.headers):
            reply.headers.append(("Content-Length", str(len(reply.body))))
        start_response(_STATUS_LINES.get(reply.status) or f"{reply.status} Unknown", reply.headers)
        if reply.stream is not None:
            return reply.stream
        # What a HEAD answer declares is the length of the body that it doesn't have (RFC 9110 section 9.3.2).
        return () if request.method == "HEAD" else (reply.body,)

    app.wsgi_app = visit  # type: ignore[method-assign]  # as Flask's documentation does with middleware
