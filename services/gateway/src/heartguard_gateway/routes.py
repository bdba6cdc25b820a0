"""The gateway's Flask side: every request becomes an exchange, and the gateway's own routes answer here."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

import gevent
from flask import Flask

from heartguard_common import etag
from heartguard_common.contracts import Contracts
from heartguard_common.errors import NOT_ACCEPTABLE, NOT_FOUND, UNPROCESSABLE, Fault, ServiceError
from heartguard_common.failures import content_type
from heartguard_common.lifecycle import Lifecycle, readiness_document
from heartguard_common.messages import DependencyDocument, Health, Readiness, ServiceList
from heartguard_common.metrics import CONTENT_TYPE as METRICS_TYPE
from heartguard_common.metrics import Metrics
from heartguard_common.policy import Policy
from heartguard_common.representation import choose
from heartguard_common.routing import DOCUMENT_TYPES
from heartguard_common.xml_codec import pointer
from heartguard_gateway.bodies import BLOCK
from heartguard_gateway.clients import CLOSE, CUT, WAITED
from heartguard_gateway.domain import Exchange, Reply, Request
from heartguard_gateway.pipeline import Pipeline
from heartguard_gateway.ports import Outbound, Service

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment  # known to type checkers only

T = TypeVar("T")
_PROBE_SECONDS = 2.0
_JSON = "application/json"
_HTML = "text/html"
_PAGE = "docs.html"
_FILE_TYPES = {".json": _JSON, ".xsd": "application/xml; charset=utf-8", ".html": f"{_HTML}; charset=utf-8"}


class OwnRoutes:
    """What the gateway answers itself, by the ids of its rows in policy.toml."""

    def __init__(
        self,
        contracts: Contracts,
        policy: Policy,
        lifecycle: Lifecycle,
        metrics: Metrics,
        services: Mapping[str, Service],
        schemas: Path,
    ) -> None:
        self._contracts = contracts
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._services = services
        self._ready_paths = {
            row.upstream: row.path for row in policy.rows if row.id.endswith(".ready") and row.upstream in services
        }
        self._files = {path.name: path.read_bytes() for path in sorted(schemas.iterdir()) if path.suffix in _FILE_TYPES}

    @property
    def table(self) -> Mapping[str, Callable[[Exchange], Reply]]:
        """Row id -> function."""
        return {
            "gateway.health": self.health,
            "gateway.ready": self.ready,
            "gateway.metrics": self.metrics,
            "gateway.services": self.services,
            "gateway.openapi": self.openapi,
            "gateway.docs": self.docs,
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
        probes = [gevent.spawn(self._timed, "gateway", self._is_ready)]
        probes += [gevent.spawn(self._timed, name, partial(self._answers, name)) for name in self._services]
        gevent.joinall(probes)
        return self._document(exchange, ServiceList, {"items": [probe.value for probe in probes]})

    def openapi(self, exchange: Exchange) -> Reply:
        """The OpenAPI document."""
        _negotiate(exchange, (_JSON,))
        return self._file(exchange, "openapi.json")

    def docs(self, exchange: Exchange) -> Reply:
        """The same for people: a page that needs nothing from elsewhere."""
        _negotiate(exchange, (_HTML,))
        return self._file(exchange, _PAGE)

    def schemas(self, exchange: Exchange) -> Reply:
        """A file of the contract, as it is: a schema has no second representation."""
        _refuse_query(exchange)
        if exchange.params["file"] == _PAGE:
            raise ServiceError(NOT_FOUND)
        return self._file(exchange, exchange.params["file"])

    def _timed(self, name: str, well: Callable[[], bool]) -> DependencyDocument:
        started = time.monotonic()
        ok = False
        with gevent.Timeout(_PROBE_SECONDS, exception=False):
            ok = well()
        elapsed = round((time.monotonic() - started) * 1000, 2)
        return {"name": name, "status": "ok" if ok else "failed", "latency_ms": elapsed}

    def _is_ready(self) -> bool:
        return all(health.ok for health in self._lifecycle.readiness())

    def _answers(self, name: str) -> bool:
        try:
            inbound = self._services[name].send(Outbound("GET", self._ready_paths[name], [("accept", _JSON)]))
        except ServiceError:
            return False
        return inbound.reply.status == 200

    def _document(self, exchange: Exchange, message: type[T], document: T, status: int = 200) -> Reply:
        media_type = _negotiate(exchange, DOCUMENT_TYPES)
        body = self._contracts[message.__name__].encode(document, media_type)
        headers = [("Content-Type", content_type(media_type)), ("Cache-Control", "no-store")]
        return Reply(status, headers, body)

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
    faults = [Fault(pointer(((), name)), "is not a parameter of this route") for name, _ in pairs if name != "format"]
    faults += [
        Fault("/format", "must be json or xml")
        for name, value in pairs
        if name == "format" and value not in ("json", "xml")
    ]
    if faults:
        raise ServiceError(UNPROCESSABLE, details=faults)


def _negotiate(exchange: Exchange, offers: Sequence[str]) -> str:
    """The media type to answer in. Raises GEN_406, GEN_422."""
    _refuse_query(exchange)
    if exchange.acceptable and exchange.media_type in offers:
        return exchange.media_type
    chosen = choose(exchange.request.headers.get("accept"), offers)
    if chosen is None or "format=" in exchange.request.query:
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

    def walk(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
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

    app.wsgi_app = walk  # type: ignore[method-assign]  # as Flask's documentation does with middleware
