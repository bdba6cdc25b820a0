"""The gateway's Flask side: every request becomes an exchange, and the gateway's own routes answer here."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

from flask import Flask

from heartguard_common.contract.contracts import Contracts
from heartguard_common.contract.json_documents import dump_json
from heartguard_common.contract.representation import choose
from heartguard_common.contract.xml_codec import pointer
from heartguard_common.core.errors import NOT_ACCEPTABLE, NOT_FOUND, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.lifecycle import Lifecycle, readiness_document
from heartguard_common.core.metrics import CONTENT_TYPE as METRICS_TYPE
from heartguard_common.core.metrics import Metrics
from heartguard_common.http import etag
from heartguard_common.http.error_rendering import content_type
from heartguard_common.http.routing import DOCUMENT_TYPES, HEALTH_JSON
from heartguard_common.messages import DependencyDocument, Health, Readiness, ServiceList
from heartguard_gateway.bodies import BLOCK
from heartguard_gateway.clients import CLOSE, CUT, WAITED
from heartguard_gateway.domain import Exchange, Reply, Request
from heartguard_gateway.health import FAIL, SystemHealth
from heartguard_gateway.pipeline import Pipeline

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment  # known to type checkers only

T = TypeVar("T")
_JSON = "application/json"
_HTML = "text/html"
_PAGE, _ERRORS_PAGE = "docs.html", "errors.html"
_NO_STORE = ("Cache-Control", "no-store")
_FILE_TYPES = {".json": _JSON, ".xsd": "application/xml; charset=utf-8", ".html": f"{_HTML}; charset=utf-8"}


class OwnRoutes:
    """What the gateway answers itself, by the ids of its rules in policy.toml."""

    def __init__(
        self,
        contracts: Contracts,
        lifecycle: Lifecycle,
        metrics: Metrics,
        system: SystemHealth,
        schemas: Path,
    ) -> None:
        self._contracts = contracts
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._system = system
        self._files = {path.name: path.read_bytes() for path in sorted(schemas.iterdir()) if path.suffix in _FILE_TYPES}

    @property
    def table(self) -> Mapping[str, Callable[[Exchange], Reply]]:
        """Row id -> function."""
        return {
            "gateway.health": self.health,
            "gateway.ready": self.ready,
            "gateway.metrics": self.metrics,
            "gateway.services": self.services,
            "gateway.system_health": self.system_health,
            "gateway.openapi": self.openapi,
            "gateway.docs": self.docs,
            "gateway.errors": self.errors,
            "gateway.schemas": self.schemas,
        }

    def health(self, exchange: Exchange) -> Reply:
        """The process lives; no dependency is touched."""
        return self._document(exchange, Health, {"status": "ok", "service": "gateway"})

    def ready(self, exchange: Exchange) -> Reply:
        """Whether Redis and auth answer."""
        document = readiness_document(self._lifecycle.readiness())
        return self._document(exchange, Readiness, document, 200 if document["status"] == "ready" else 503)

    def metrics(self, exchange: Exchange) -> Reply:
        """Prometheus text over all workers."""
        _negotiate(exchange, ("text/plain", *DOCUMENT_TYPES))
        return Reply(200, [("Content-Type", METRICS_TYPE)], self._metrics.exposition())

    def services(self, exchange: Exchange) -> Reply:
        """How the gateway and each service behind it are, asked all at once."""
        items: list[DependencyDocument] = [
            {"name": check.name, "status": "ok" if check.ok else "failed", "latency_ms": check.latency_ms}
            for check in self._system.ask()
        ]
        return self._document(exchange, ServiceList, {"items": items})

    def system_health(self, exchange: Exchange) -> Reply:
        """The same for everybody, without times and asked once in a few seconds; 503 where it is `fail`."""
        media_type = _negotiate(exchange, (*DOCUMENT_TYPES, HEALTH_JSON))
        report = self._system.report()
        status = 503 if report.status == FAIL else 200
        if media_type == HEALTH_JSON:
            return Reply(status, [("Content-Type", HEALTH_JSON), _NO_STORE], dump_json(report.draft()))
        return self._document(exchange, SystemHealth, report.document(), status)

    def openapi(self, exchange: Exchange) -> Reply:
        """The OpenAPI document."""
        _negotiate(exchange, (_JSON,))
        return self._file(exchange, "openapi.json")

    def docs(self, exchange: Exchange) -> Reply:
        """The same for people: a page that needs nothing from elsewhere."""
        _negotiate(exchange, (_HTML,))
        return self._file(exchange, _PAGE)

    def errors(self, exchange: Exchange) -> Reply:
        """What each error code means and what to do about it."""
        _negotiate(exchange, (_HTML,))
        return self._file(exchange, _ERRORS_PAGE)

    def schemas(self, exchange: Exchange) -> Reply:
        """A file of the contract, as it is: a schema has no second representation."""
        _refuse_query(exchange)
        if exchange.params["file"] in (_PAGE, _ERRORS_PAGE):
            raise ServiceError(NOT_FOUND)
        return self._file(exchange, exchange.params["file"])

    def _document(self, exchange: Exchange, message: type[T], document: T, status: int = 200) -> Reply:
        media_type = _negotiate(exchange, DOCUMENT_TYPES)
        body = self._contracts[message.__name__].encode(document, media_type)
        return Reply(status, [("Content-Type", content_type(media_type)), _NO_STORE], body)

    def _file(self, exchange: Exchange, name: str) -> Reply:
        body = self._files.get(name)
        if body is None:
            raise ServiceError(NOT_FOUND)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = [("ETag", tag), ("Cache-Control", "public, max-age=300")]
        condition = exchange.request.headers.get("if-none-match")
        if condition is not None and etag.matches(condition, tag):
            return Reply(304, headers)
        return Reply(200, [*headers, ("Content-Type", _FILE_TYPES[Path(name).suffix])], body)


def _refuse_query(exchange: Exchange) -> None:
    pairs = parse_qsl(exchange.request.query, keep_blank_values=True)
    violations = [
        Violation(pointer(((), name)), "is not a parameter of this route") for name, _ in pairs if name != "format"
    ]
    violations += [
        Violation("/format", "must be json or xml")
        for name, value in pairs
        if name == "format" and value not in ("json", "xml")
    ]
    if violations:
        raise ServiceError(UNPROCESSABLE, details=violations)


def _negotiate(exchange: Exchange, offers: Sequence[str]) -> str:
    """The media type to answer in. Raises GEN_406, GEN_422."""
    _refuse_query(exchange)
    if "format=" in exchange.request.query:
        chosen = exchange.media_type if exchange.media_type in offers else None
    else:
        chosen = choose(exchange.request.headers.get("accept"), offers)
    if chosen is None:
        raise ServiceError(NOT_ACCEPTABLE)
    return chosen


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
