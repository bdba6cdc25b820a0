"""The Flask application of every service: bytes become a checked document, a handler answers, and back.

One way for every request: choose a representation, authenticate, authorize, decode, call, encode. Handlers
never see JSON or XML.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from threading import BoundedSemaphore
from typing import Any, TypeVar, cast

from flask import Flask, Response, g, request
from werkzeug.routing import BaseConverter

from heartguard_common.contract.contracts import Contract, Contracts, Violations
from heartguard_common.contract.json_documents import Document, Malformed
from heartguard_common.contract.representation import choose
from heartguard_common.contract.xml_codec import pointer
from heartguard_common.core.errors import (
    BUSY,
    INTERNAL,
    MALFORMED,
    NOT_ACCEPTABLE,
    UNPROCESSABLE,
    ServiceError,
    Violation,
)
from heartguard_common.core.lifecycle import LIFECYCLE, Lifecycle
from heartguard_common.core.limits import LimitError
from heartguard_common.core.metrics import Metrics
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID, TRACEPARENT, accept_request_id, continued
from heartguard_common.http import body as bodies
from heartguard_common.http import error_rendering, etag
from heartguard_common.http.background_routes import operator_routes
from heartguard_common.http.forwarding import forwarded
from heartguard_common.http.idempotency import IdempotencyKeys, Recorded, fingerprint
from heartguard_common.http.lanes import Lanes
from heartguard_common.http.network import is_inner
from heartguard_common.http.recheck import TRUSTED_SECONDS, ActiveCheck, CheckedReader
from heartguard_common.http.route_table import require_same_routes
from heartguard_common.http.routing import (
    ANY_TYPE,
    DOCUMENT_TYPES,
    FORMATS,
    Answer,
    AnyCall,
    AnyRoute,
    Call,
    DocumentStream,
    Route,
    StreamAnswer,
    StreamCall,
    UseCasesT,
)
from heartguard_common.http.standard_routes import Process, standard_routes
from heartguard_common.http.translation import translate
from heartguard_common.identity.authentication import Authenticator, Principal, bearer_token
from heartguard_common.identity.authority import Authority
from heartguard_common.identity.policy import KINDS, Policy, RouteRule, authorize
from heartguard_common.identity.revocation import Revocations
from heartguard_common.jobs.background_work import BackgroundWork
from heartguard_common.jobs.dead_letters import DeadLetters

# Of several rows at one place, such as /users/me and /users/{user_id}, only those count whose parameters fit.
CONVERTERS = {
    kind: type(kind, (BaseConverter,), {"regex": pattern.pattern, "part_isolating": True})
    for kind, pattern in KINDS.items()
}

_LARGE = 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True)
class WebDependencies:
    """What the application of a service needs from its wiring.

    `prefix` is the path that health, ready and metrics stand under. `gateway_key` verifies whom the gateway
    forwards for; without it nobody can forward. `check_answers` holds every answer
    against its contract, for tests and development. `decoding` lets one large body at a time become a document.
    `believed_seconds` is how long it is trusted that a token is not revoked, while the body of its request comes in.
    """

    service: str
    prefix: str
    contracts: Contracts
    policy: Policy
    authenticator: Authenticator
    revocations: Revocations
    lifecycle: Lifecycle
    metrics: Metrics
    lanes: Lanes
    gateway_key: str = ""
    keys: IdempotencyKeys | None = None
    background: BackgroundWork | None = None
    dead_letters: DeadLetters | None = None
    authority: Authority | None = None
    check_answers: bool = False
    trusted_seconds: float = TRUSTED_SECONDS
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("heartguard"))
    decoding: BoundedSemaphore = field(default_factory=BoundedSemaphore)


def make_app(web: WebDependencies, routes: Sequence[Route[UseCasesT, Any]], usecases: UseCasesT) -> Flask:
    """The Flask application of a service. Raises `RouteTableError` when routes and policy differ."""
    app = Flask(f"heartguard_{web.service}", static_folder=None)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.url_map.converters = CONVERTERS
    table: list[tuple[AnyRoute, object]] = [(route, usecases) for route in routes]
    process = Process(web.service, web.lifecycle, web.metrics)
    table += [(route, process) for route in standard_routes(web.prefix)]
    table += operator_routes(web.prefix, web.background, web.dead_letters)
    require_same_routes(web.service, [route for route, _ in table], web.policy, web.contracts)
    for route, called in table:
        row = web.policy.row(route.method, route.path)
        assert row is not None
        endpoint = _Endpoint(web, route, row, called)
        app.add_url_rule(_rule(row), row.id, endpoint, methods=[route.method], provide_automatic_options=False)
    app.before_request(lambda: _begin(app, web))
    app.after_request(lambda response: _finish(web, response))
    app.register_error_handler(Exception, lambda error: handle_errors(web, error))
    app.extensions[LIFECYCLE] = web.lifecycle
    return app


def _rule(row: RouteRule) -> str:
    """A row's path as Werkzeug writes it."""
    return "".join(f"/<{part.kind}:{part.text}>" if part.kind else f"/{part.text}" for part in row.segments)


def _begin(app: Flask, web: WebDependencies) -> None:
    """Give the request its ids, its client and its representation, before anything can be refused."""
    g.started = time.monotonic()
    g.request_id = accept_request_id(request.headers.get("X-Request-ID"))
    REQUEST_ID.set(g.request_id)
    client = forwarded(_headers(), web.gateway_key)
    g.address = client or request.remote_addr or ""
    # The id names the gateway's audit event: called directly, anybody could name somebody else's.
    GATEWAY_REQUEST_ID.set(request.headers.get("X-Gateway-Request-ID") if client else None)
    TRACEPARENT.set(continued(request.headers.get("traceparent")))
    view = app.view_functions.get(request.endpoint or "")
    g.row, offers = (view.row, view.route.offers) if isinstance(view, _Endpoint) else (None, DOCUMENT_TYPES)
    accept, dialect = request.headers.get("Accept"), g.row.errors if g.row else None
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


class _Endpoint:
    """One route, compiled: everything that does not depend on the request is looked up here, once."""

    def __init__(self, web: WebDependencies, route: AnyRoute, row: RouteRule, usecases: object) -> None:
        self.route = route
        self.row = row
        self.web = web
        self._usecases = usecases
        self._takes = self._contract(route.takes)
        self._gives = self._contract(route.gives)
        self._query = self._contract(route.query)
        self.__name__ = self.__qualname__ = row.id  # as extensions of Flask ask of a view

    def __call__(self, **params: str) -> Response:
        principal = g.principal = self._authenticate()
        authorize(self.row, principal, inner=_is_inner())
        token = bearer_token(request.headers.get("Authorization"))
        active = ActiveCheck(self.web.revocations, principal, token, self.web.trusted_seconds)
        call, request_hash = self._call(principal, params, active)
        active.require()
        if principal is None or not self.route.costs_much(call):
            return self._reply(call, request_hash)
        with self.web.lanes.computing(principal, self.route.seconds):
            active.require()  # once more, because the wait for a place takes seconds too
            return self._reply(call, request_hash)

    def _reply(self, call: AnyCall, request_hash: str) -> Response:
        key, principal = request.headers.get("Idempotency-Key"), call.principal
        if key is None or not self.route.idempotent or self.web.keys is None or principal is None:
            return self._response(self._answer(call))
        if not 1 <= len(key) <= 255 or not key.isprintable():
            violation = Violation("", "Idempotency-Key must be 1 to 255 printable characters")
            raise ServiceError(UNPROCESSABLE, details=(violation,))
        return self._once(key, call, request_hash)

    def _contract(self, name: str | None) -> Contract | None:
        return None if name is None else self.web.contracts[name]

    def _authenticate(self) -> Principal | None:
        if self.row.credentials == "ignored":
            return None
        header = request.headers.get("Authorization")
        if self.row.who == "inner" and header is None:
            return None
        principal = self.web.authenticator.identify(header)
        if principal is not None and principal.kind == "service":
            GATEWAY_REQUEST_ID.set(request.headers.get("X-Gateway-Request-ID"))
        if principal is not None and principal.kind == "person":
            self.web.revocations.require_active(principal, bearer_token(header) or "")
        return principal

    def _call(self, principal: Principal | None, params: Mapping[str, str], active: ActiveCheck) -> tuple[AnyCall, str]:
        """The call, and the hash of its request where there is a key for it: a handler must not find the body kept."""
        query = self._decode_query()
        document, body_type, raw = self._read_body(query)
        keyed = "Idempotency-Key" in request.headers
        request_hash = fingerprint(request.full_path.encode(), g.media_type.encode(), raw) if keyed else ""
        call: AnyCall = Call(
            request_id=g.request_id,
            media_type=g.media_type,
            params=params,
            query=query,
            headers=_headers(),
            principal=principal,
            document=document,
            body_type=body_type,
            content_length=request.content_length,
            address=g.address,
            user_agent=request.headers.get("User-Agent", "")[:300],
        )
        if self.route.body == "stream":
            call = StreamCall(**vars(call), stream=CheckedReader(request.stream, active))
        return call, request_hash

    def _decode_query(self) -> Document:
        pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "format"]
        if self._query is None:
            if pairs:
                violations = [Violation(pointer(((), name)), "is not a parameter of this route") for name, _ in pairs]
                raise ServiceError(UNPROCESSABLE, details=violations)
            return {}
        return _checked(partial(self._query.decode_query, pairs))

    def _read_body(self, query: Document) -> tuple[object, str | None, bytes]:
        if self._takes is None:
            media_type = None
            if self.route.body == "stream":
                bodies.require_identity(_headers())
                media_type = bodies.media_type(_headers(), self.route.accepts) if self.route.accepts else None
            return None, media_type, b""
        if self.route.body == "optional" and not (request.content_length or "Transfer-Encoding" in request.headers):
            return None, None, b""
        media_type = bodies.media_type(_headers(), self.route.accepts)
        raw = bodies.read(request.stream, _headers(), self.row.max_body or 0)
        # A document takes many times the memory of its bytes, and two of them are not made faster at once than in turn.
        with self.web.decoding if len(raw) > _LARGE else nullcontext():
            return self._decode(self._takes, raw, media_type, query), media_type, raw

    def _decode(self, contract: Contract, raw: bytes, media_type: str, query: Document) -> object:
        reader = self.route.readers.get(media_type)
        if reader is None:
            return _checked(partial(contract.decode, raw, media_type))
        read = reader(raw, query)
        _checked(partial(contract.check, read.document))
        return read.value

    def _answer(self, call: AnyCall) -> Answer[object] | StreamAnswer:
        answer = self.route.handler(self._usecases, call)
        if isinstance(answer, DocumentStream):
            stream = answer.stream_with(partial(self._encoded, media_type=g.media_type))
            return StreamAnswer(stream, error_rendering.content_type(g.media_type), headers=answer.headers)
        if isinstance(answer, Answer):
            self._require_valid(answer.document)
        return answer

    def _encoded(self, document: object, media_type: str) -> bytes:
        assert self._gives is not None  # only routes with a message answer with one
        self._require_valid(document)
        return self._gives.encode(document, media_type)

    def _require_valid(self, document: object) -> None:
        if self._gives is None or not self.web.check_answers:
            return
        try:
            self._gives.check(document)
        except Violations as error:
            places = ", ".join(f"{violation.path}: {violation.message}" for violation in error.violations)
            self.web.log.exception("an answer of %s breaks its contract at %s", self.row.id, places)
            raise ServiceError(INTERNAL) from error

    def _response(self, answer: Answer[object] | StreamAnswer) -> Response:
        status = answer.status or self.route.status
        headers = dict(answer.headers)
        if isinstance(answer, StreamAnswer):
            stream = self.web.lanes.sending(g.principal, answer.stream) if self.route.expensive else answer.stream
            response = Response(stream, status, headers, content_type=answer.media_type)
            if request.method == "HEAD" or status == 304:
                # Werkzeug sends no body then, and would leave the stream open.
                response.close()
            return response
        if self._gives is None or answer.document is None:
            return _empty(status, headers)
        tag = headers.get("ETag")
        condition = request.headers.get("If-None-Match")
        if tag and condition and request.method in ("GET", "HEAD") and etag.matches(condition, tag):
            return _empty(304, headers)
        body = self._gives.encode(answer.document, g.media_type)
        return Response(body, status, headers, content_type=error_rendering.content_type(g.media_type))

    def _once(self, key: str, call: AnyCall, request_hash: str) -> Response:
        assert self.web.keys is not None and call.principal is not None  # noqa: PT018  seen by the caller
        made: list[Response] = []
        principal = call.principal

        def answer(claimed_ns: int) -> Recorded:
            response = self._response(self._answer(replace(call, claimed_ns=claimed_ns)))
            if self.web.authority is not None and principal.kind == "person":
                # The answer that is kept is the caller's data too.
                self.web.authority.require_writer(principal)
            made.append(response)
            kept = {name: value for name, value in response.headers.items() if name != "Content-Length"}
            return Recorded(response.status_code, kept, response.get_data())

        recorded = self.web.keys.once(principal.actor, self.row.id, key, request_hash, answer, principal.org_id)
        return made[0] if made else Response(recorded.body, recorded.status, recorded.headers)


def _headers() -> Mapping[str, str]:
    # Werkzeug's Headers is a mapping in all but its base class.
    return cast("Mapping[str, str]", request.headers)


def _empty(status: int, headers: Mapping[str, str]) -> Response:
    response = Response(b"", status, headers)
    # Werkzeug would call the nothing in it text/html.
    del response.headers["Content-Type"]
    return response


def _is_inner() -> bool:
    """Whether the peer itself is on loopback or a private network, with no proxy before it."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    # Without an address it came through a Unix socket, from this machine.
    return not request.remote_addr or is_inner(request.remote_addr)


def _checked(decode: Callable[[], T]) -> T:
    """Run a decoder; not well-formed is 400, against the contract is 422."""
    try:
        return decode()
    except Malformed as error:
        refusal = ServiceError(MALFORMED, str(error))
    except Violations as error:
        refusal = ServiceError(UNPROCESSABLE, details=error.violations)
    raise refusal  # out here: a cause would keep the frames it went through, and with them the whole document


def handle_errors(web: WebDependencies, error: Exception) -> Response:
    """The one place that turns an exception into an answer, in the format the caller asked for."""
    known = error if isinstance(error, ServiceError) else translate(error)
    g.error_code = known.row.code
    if isinstance(known, LimitError):
        web.metrics.limit_refused(known.limit)
    if known.row.status >= 500 and known.row is not BUSY:  # a full lane is no failure: it is counted, without a stack
        web.log.error("%s", known, exc_info=error)
    media_type = g.get("error_type", DOCUMENT_TYPES[0])
    status, headers, body = error_rendering.render(known, media_type, g.request_id, web.contracts)
    return Response(body, status, headers)


def _finish(web: WebDependencies, response: Response) -> Response:
    """Put on every answer what every answer carries, and count and log it."""
    response.headers["X-Request-ID"] = g.request_id
    response.vary.add("Accept")
    route = request.endpoint or "unmatched"
    elapsed = time.monotonic() - g.started
    web.metrics.observe(route, request.method, response.status_code, elapsed)
    principal = g.get("principal")
    fields = {
        "method": request.method,
        "path": request.path if g.row and not g.row.free_text else web.policy.redact(request.path),
        "route": route,
        "status": response.status_code,
        "latency_ms": round(elapsed * 1000, 2),
        "user_id": principal.user_id if principal else None,
        "org_id": principal.org_id if principal else None,
    }
    if "error_code" in g:
        fields["code"] = g.error_code
    web.log.info("request", extra={"fields": fields})
    return response
