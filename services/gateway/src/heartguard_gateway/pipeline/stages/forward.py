"""Pass the request on: a document once it is read completely, media as a stream; the gateway's own routes to itself."""

from collections.abc import Iterable
from itertools import chain

from heartguard_gateway.bodies.reader import BodyReader
from heartguard_gateway.bodies.spool import BLOCK, Body
from heartguard_gateway.domain import Exchange, end_to_end, join_path
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Inbound, Outbound, Ports
from heartguard_gateway.settings import NAME

LARGE = 1024 * 1024
_REPLACED = frozenset({"server", "date", "x-request-id", "x-gateway-request-id"})


@stage(needs=("rule", "upstream_headers"), adds=("reply",))
def forward(exchange: Exchange, ports: Ports) -> None:
    """Set the reply. Raises GW_010 to GW_012, GW_015, GW_016 for us; GW_004, GW_005, GEN_413 for the client."""
    rule, request = exchange.rule, exchange.request
    assert rule is not None  # admit has raised the refusal of a request without a rule
    if rule.upstream == NAME:
        exchange.reply = ports.own[rule.id](exchange)
        return
    if not request.chunked and request.content_length == 0:
        request.consumed = True
        inbound = _send(exchange, ports, b"", 0)
    else:
        with ports.bodies.open(exchange.holder) as body:
            inbound = _document(exchange, ports, body) if rule.max_body is not None else _stream(exchange, ports, body)
    if inbound.early and not request.consumed:
        request.close()  # the rest of the body is still on its way
    reply = inbound.reply
    reply.headers = [pair for pair in end_to_end(reply.headers) if pair[0].lower() not in _REPLACED]
    exchange.reply = reply


def _document(exchange: Exchange, ports: Ports, body: Body) -> Inbound:
    assert exchange.rule is not None and exchange.rule.max_body is not None  # noqa: PT018  `forward` has looked
    BodyReader(exchange.request, exchange.rule.max_body, ports.monotonic).read_into(body)
    whole = body.whole()
    large = _decompressed(exchange, body) > LARGE
    return _send(exchange, ports, body if whole is None else whole, len(body), large=large)


def _decompressed(exchange: Exchange, body: Body) -> int:
    """How large a document says it is after decompression; where that is false the service finds no valid gzip data."""
    if "content-encoding" not in exchange.request.headers:
        return len(body)
    return int.from_bytes(body.last, "little")  # RFC 1952 section 2.3.1, ISIZE


def _stream(exchange: Exchange, ports: Ports, body: Body) -> Inbound:
    """As it comes, behind its first 64 KiB; a body that is no longer takes no slot."""
    request = exchange.request
    assert exchange.rule is not None
    most = ports.max_stream.announced if exchange.rule.announced else ports.max_stream.plain
    reader = BodyReader(request, most, ports.monotonic)
    reader.require_length()
    for block in reader.blocks():
        body.write(block)
        if len(body) >= BLOCK:
            rest = chain(body, reader.blocks(BLOCK))
            return _send(exchange, ports, rest, None if request.chunked else request.content_length)
    return _send(exchange, ports, b"".join(body), len(body))


def _send(
    exchange: Exchange,
    ports: Ports,
    body: bytes | Body | Iterable[bytes],
    length: int | None,
    *,
    large: bool = False,
) -> Inbound:
    rule, request = exchange.rule, exchange.request
    assert rule is not None
    path = join_path(exchange.segments)
    target = f"{path}?{request.query}" if request.query else path
    outbound = Outbound(
        request.method,
        target,
        exchange.upstream_headers,
        body,
        length,
        holder=exchange.holder,
        large=large,
        long=rule.long_answer,
        cut=request.cut,
    )
    return ports.services[rule.upstream].send(outbound)
