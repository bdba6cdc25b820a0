"""What the gateway answers itself: health, metrics, the API's documents."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl

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
from heartguard_gateway.domain import Exchange, Reply
from heartguard_gateway.own_routes.health import FAIL, SystemHealth
from heartguard_gateway.own_routes.pages import Pages
from heartguard_gateway.own_routes.portal import Portal

T = TypeVar("T")
INFLUXDB_VERSION = "v2.7.12"
"""The release of InfluxDB whose write API is compatible with this one; clients choose by it what they send."""
_JSON = "application/json"
_HTML = "text/html"
_ERRORS_PAGE, _INDEX_PAGE = "errors.html", "index.html"
_INTERNAL = "openapi-internal.json"
_NO_STORE = ("Cache-Control", "no-store")
_FILE_TYPES = {".json": _JSON, ".xsd": "application/xml; charset=utf-8"}


class OwnRoutes:
    """What the gateway answers itself, by the ids of its rules in policy.toml."""

    def __init__(
        self,
        contracts: Contracts,
        lifecycle: Lifecycle,
        metrics: Metrics,
        system: SystemHealth,
        schemas: Path,
        *,
        demo: bool,
    ) -> None:
        self._contracts = contracts
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._system = system
        self._files = {path.name: path.read_bytes() for path in sorted(schemas.iterdir()) if path.suffix in _FILE_TYPES}
        self._internal = self._files.pop(_INTERNAL)  # /schemas/{file} is for anyone
        self._pages = Pages({name: (schemas / name).read_bytes() for name in (_ERRORS_PAGE, _INDEX_PAGE)}, demo=demo)
        self._portal = Portal()

    @property
    def table(self) -> Mapping[str, Callable[[Exchange], Reply]]:
        """The functions by the ids of their rules."""
        return {
            "gateway.health": self.health,
            "gateway.ready": self.ready,
            "gateway.metrics": self.metrics,
            "gateway.services": self.services,
            "gateway.system_health": self.system_health,
            "gateway.ping": self.ping,
            "gateway.landing": self.landing,
            "gateway.assets": self.assets,
            "gateway.portal": self.portal,
            "gateway.portal_files": self.portal_files,
            "gateway.openapi": self.openapi,
            "gateway.openapi_internal": self.openapi_internal,
            "gateway.docs": self.docs,
            "gateway.errors": self.errors,
            "gateway.schema_index": self.schema_index,
            "gateway.schemas": self.schemas,
        }

    def health(self, exchange: Exchange) -> Reply:
        """The process runs; no dependency is asked."""
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
        """The same for anyone, without times and asked once in a few seconds; 503 where it is `fail`."""
        media_type = _negotiate(exchange, (*DOCUMENT_TYPES, HEALTH_JSON))
        report = self._system.report()
        status = 503 if report.status == FAIL else 200
        if media_type == HEALTH_JSON:
            return Reply(status, [("Content-Type", HEALTH_JSON), _NO_STORE], dump_json(report.draft()))
        return self._document(exchange, SystemHealth, report.document(), status)

    def ping(self, exchange: Exchange) -> Reply:
        """The gateway runs, in the form of InfluxDB: 204, with the version of the API that its clients find here."""
        _refuse_query(exchange)
        return Reply(204, [("X-Influxdb-Version", INFLUXDB_VERSION), ("X-Influxdb-Build", "HeartGuard"), _NO_STORE])

    def openapi(self, exchange: Exchange) -> Reply:
        """The OpenAPI document."""
        _negotiate(exchange, (_JSON,))
        return self._file(exchange, "openapi.json")

    def openapi_internal(self, exchange: Exchange) -> Reply:
        """The OpenAPI document of the internal routes, which is not cached: only the operator may read it."""
        _negotiate(exchange, (_JSON,))
        return Reply(200, [("Content-Type", _JSON), _NO_STORE], self._internal)

    def landing(self, exchange: Exchange) -> Reply:
        """What HeartGuard is, in English or Spanish."""
        language = dict(parse_qsl(exchange.request.query)).get("lang")
        _negotiate(exchange, (_HTML,), parameters=("lang",))
        return self._pages.landing(exchange.request, language)

    def assets(self, exchange: Exchange) -> Reply:
        """What the pages load."""
        _refuse_query(exchange)
        return self._pages.asset(exchange.request, exchange.params["asset"])

    def portal(self, exchange: Exchange) -> Reply:
        """The page of the web portal."""
        _negotiate(exchange, (_HTML,))
        return self._portal.page(exchange.request)

    def portal_files(self, exchange: Exchange) -> Reply:
        """What that page loads."""
        _refuse_query(exchange)
        parameters = exchange.params
        name = f"{parameters['folder']}/{parameters['asset']}"
        return self._portal.file(exchange.request, parameters["version"], name)

    def docs(self, exchange: Exchange) -> Reply:
        """The same for people: a page that loads nothing from other hosts."""
        _negotiate(exchange, (_HTML,))
        return self._pages.reference(exchange.request)

    def errors(self, exchange: Exchange) -> Reply:
        """What each error code means and what to do about it."""
        _negotiate(exchange, (_HTML,))
        return self._pages.generated(exchange.request, _ERRORS_PAGE)

    def schema_index(self, exchange: Exchange) -> Reply:
        """The schemas that there are."""
        _negotiate(exchange, (_HTML,))
        return self._pages.generated(exchange.request, _INDEX_PAGE)

    def schemas(self, exchange: Exchange) -> Reply:
        """A file of the contract, as it is: a schema has no second representation."""
        _refuse_query(exchange)
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


def _refuse_query(exchange: Exchange, parameters: Sequence[str] = ()) -> None:
    pairs = parse_qsl(exchange.request.query, keep_blank_values=True)
    violations = [
        Violation(pointer(((), name)), "is not a parameter of this route")
        for name, _ in pairs
        if name not in ("format", *parameters)
    ]
    violations += [
        Violation("/format", "must be json or xml")
        for name, value in pairs
        if name == "format" and value not in ("json", "xml")
    ]
    if violations:
        raise ServiceError(UNPROCESSABLE, details=violations)


def _negotiate(exchange: Exchange, offers: Sequence[str], parameters: Sequence[str] = ()) -> str:
    """The media type to answer in; `parameters` are those of the query. Raises GEN_406, GEN_422."""
    _refuse_query(exchange, parameters)
    if "format=" in exchange.request.query:
        chosen = exchange.media_type if exchange.media_type in offers else None
    else:
        chosen = choose(exchange.request.headers.get("accept"), offers)
    if chosen is None:
        raise ServiceError(NOT_ACCEPTABLE)
    return chosen
