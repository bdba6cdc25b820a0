"""Put on the reply what every answer carries: ids, quota, CORS, Vary, and compression when it was asked for."""

import re
import zlib
from collections.abc import Iterator

from heartguard_gateway.domain import Exchange, Headers, Reply, Stream
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

EXPOSE_HEADERS = (
    "ETag, X-Request-ID, X-Gateway-Request-ID, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, "
    "X-RateLimit-Reset, HeartGuard-Limit-Warning, Content-Disposition, X-Next-Cursor, Deprecation, Sunset, Link"
)
LIMIT_WARNING = "HeartGuard-Limit-Warning"
COMPRESS_ABOVE = 2048
_GZIP = 31  # zlib's number for a gzip wrapper with the largest window
_LEVEL = 1  # level 6 holds the worker five times as long for a tenth less
_MICROSECONDS = 1_000_000
_COMPRESSIBLE = re.compile(r"(?:text/(?!event-stream)|application/(?:[a-z.-]+\+)?(?:json|xml)\b|application/x-ndjson)")
_COOKIE_PATH = re.compile(r"(;\s*path=)/", re.IGNORECASE)
_REFUSES_GZIP = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


@stage(needs=("reply", "media_type"))
def prepare_answer(exchange: Exchange, ports: Ports) -> None:
    """Complete the reply's headers and encode its body."""
    reply = exchange.reply
    assert reply is not None  # a closing stage runs on a reply only
    vary = ["Accept"]
    headers = []
    for name, value in reply.headers:
        if name.lower() == "vary":
            vary += [word.strip() for word in value.split(",")]
        else:
            headers.append((name, value))
    reply.headers = [_below(exchange.prefix, pair) for pair in headers] if exchange.prefix else headers
    if _compressible(reply):
        vary.append("Accept-Encoding")
        if _wanted(exchange) and _large(reply):
            _compress(reply)
    headers = reply.headers
    if exchange.rule is not None:
        headers += exchange.rule.notices
    headers.append(("X-Request-ID", exchange.request_id))
    headers.append(("X-Gateway-Request-ID", exchange.gateway_request_id))
    _show_quota(exchange, headers)
    if exchange.near:
        headers.append((LIMIT_WARNING, exchange.near))
    if ports.allowed_origins:
        vary.append("Origin")
        _allow_origin(exchange, ports, headers)
    headers.append(("Vary", ", ".join(dict.fromkeys(word for word in vary if word))))


def _below(prefix: str, header: tuple[str, str]) -> tuple[str, str]:
    """A header with the client's prefix before its path: `Location`, and the path of a cookie."""
    name, value = header
    if name.lower() == "location" and value.startswith("/") and not value.startswith("//"):
        return name, prefix + value
    if name.lower() == "set-cookie":
        return name, _COOKIE_PATH.sub(rf"\1{prefix}/", value)
    return header


def _show_quota(exchange: Exchange, headers: Headers) -> None:
    quota = exchange.quota
    if quota is not None:
        headers.append(("X-RateLimit-Limit", str(quota.limit.capacity)))
        headers.append(("X-RateLimit-Remaining", str(quota.remaining)))
        headers.append(("X-RateLimit-Reset", str(-(-quota.reset_us // _MICROSECONDS))))


def _allow_origin(exchange: Exchange, ports: Ports, headers: Headers) -> None:
    origin = exchange.request.headers.get("origin")
    if origin in ports.allowed_origins:
        headers.append(("Access-Control-Allow-Origin", origin))
        headers.append(("Access-Control-Allow-Credentials", "true"))
        if exchange.request.method != "OPTIONS":
            headers.append(("Access-Control-Expose-Headers", EXPOSE_HEADERS))


def _header(reply: Reply, wanted: str) -> str:
    return next((value for name, value in reply.headers if name.lower() == wanted), "")


def _compressible(reply: Reply) -> bool:
    return (
        reply.status not in (204, 206, 304)
        and _COMPRESSIBLE.match(_header(reply, "content-type")) is not None
        and not _header(reply, "content-encoding")
        and "no-transform" not in _header(reply, "cache-control")
    )


def _wanted(exchange: Exchange) -> bool:
    accepted = exchange.request.headers.get("accept-encoding", "").lower()
    return "gzip" in accepted and not _REFUSES_GZIP.search(accepted) and exchange.request.method != "HEAD"


def _large(reply: Reply) -> bool:
    if reply.stream is None:
        return len(reply.body) > COMPRESS_ABOVE
    return int(_header(reply, "content-length") or COMPRESS_ABOVE + 1) > COMPRESS_ABOVE


def _compress(reply: Reply) -> None:
    """Encode the body; a strong entity tag becomes weak, because it named other bytes (RFC 9110 section 8.8.3)."""
    if reply.stream is None:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        reply.body = packer.compress(reply.body) + packer.flush()
    else:
        reply.stream = GzipStream(reply.stream)
    kept = [
        (name, f"W/{value}" if name.lower() == "etag" and not value.startswith("W/") else value)
        for name, value in reply.headers
        if name.lower() not in ("content-length", "accept-ranges")
    ]
    reply.headers = [*kept, ("Content-Encoding", "gzip")]


class GzipStream:
    """A stream, compressed block by block in flat memory."""

    unbuffered = True

    def __init__(self, inner: Stream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        """The compressed blocks."""
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        for block in self._inner:
            if packed := packer.compress(block):
                yield packed
        yield packer.flush()

    def close(self) -> None:
        """Close what was compressed."""
        self._inner.close()
