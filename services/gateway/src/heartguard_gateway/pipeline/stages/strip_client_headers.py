"""Make the header fields that a service gets: none by which a client could pretend to be the gateway."""

from heartguard_common.core.trace import TRACEPARENT
from heartguard_common.http import forwarding
from heartguard_gateway.domain import Exchange, end_to_end
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

SIGNATURE = forwarding.SIGNATURE.lower()
# Fields about identity, about the origin of a request, or about another target than the one that was matched.
_PREFIXES = (
    "x-forwarded",
    "x-gateway",
    "x-heartguard",
    "x-user",
    "x-org",
    "x-role",
    "x-auth",
    "x-principal",
    "x-remote",
    "x-client",
    "x-real",
    "x-original",
    "x-rewrite",
    "x-http-method",
    "x-method",
    "cf-",
    "true-client",
)
_NAMES = frozenset(
    {
        "forwarded",
        "via",
        "host",
        "expect",
        "content-length",
        "accept-encoding",  # the gateway compresses, so that what it passes on can be read
        "x-request-id",
        "traceparent",  # the gateway's own span takes its place
        "x-cluster-client-ip",
    }
)


@stage(needs=("request_id", "address", "inner"), adds=("upstream_headers",))
def strip_client_headers(exchange: Exchange, ports: Ports) -> None:
    """Set the headers for the service: those of the client that are let through, and the gateway's own."""
    traced = TRACEPARENT.get()
    headers = [
        (name, value)
        for name, value in end_to_end(exchange.request.headers.items())
        # without a trace its state means nothing (W3C Trace Context, section 3.3)
        if name not in _NAMES and not name.startswith(_PREFIXES) and (traced or name != "tracestate")
    ]
    if traced:
        headers.append(("traceparent", traced))
    headers.append(("x-request-id", exchange.request_id))
    headers.append(("x-gateway-request-id", exchange.gateway_request_id))
    if not exchange.inner:
        # A service takes a request without this header for one from the inner network.
        headers.append(("x-forwarded-for", exchange.address))
        headers.append((SIGNATURE, forwarding.sign(ports.forwarding_key, exchange.address)))
    exchange.upstream_headers = headers
