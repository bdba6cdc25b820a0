"""Answer OPTIONS here: browsers ask before they send, and no service needs to know about origins."""

from heartguard_gateway.domain import Exchange, Headers, Reply
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

ALLOW_HEADERS = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Range, X-Request-ID, traceparent"
)
MAX_AGE_SECONDS = "600"
ALL_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"


@stage(needs=("segments",))
def answer_preflight(exchange: Exchange, ports: Ports) -> None:
    """Set a 204 reply for OPTIONS; an origin that is not allowed gets no CORS header, so the browser stops there."""
    request = exchange.request
    if request.method != "OPTIONS":
        return
    match = ports.matcher.find(exchange.segments)
    allow = match.allow if match else ALL_METHODS
    headers: Headers = [("Allow", allow)]
    if request.headers.get("origin") in ports.allowed_origins and "access-control-request-method" in request.headers:
        headers += [
            ("Access-Control-Allow-Methods", allow),
            ("Access-Control-Allow-Headers", ALLOW_HEADERS),
            ("Access-Control-Max-Age", MAX_AGE_SECONDS),
            ("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
    exchange.reply = Reply(204, headers)
