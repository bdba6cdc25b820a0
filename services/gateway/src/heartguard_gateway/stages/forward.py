"""Pass the request on: small bodies whole, large ones as a stream, and the gateway's own routes to itself."""

from heartguard_gateway.domain import Exchange, end_to_end, join_path
from heartguard_gateway.intake import Intake
from heartguard_gateway.ports import Outbound, Ports

OWN = "gateway"
_REPLACED = frozenset({"server", "date", "x-request-id", "x-gateway-request-id"})


def run(exchange: Exchange, ports: Ports) -> None:
    """Set the reply. Raises GW_010 to GW_012 for the service's faults, GW_004, GW_005, GEN_413 for the client's."""
    row, request = exchange.row, exchange.request
    assert row is not None  # admit has raised the fault of a request without a row
    if row.upstream == OWN:
        exchange.reply = ports.own[row.id](exchange)
        return
    body, length = Intake(request, ports.max_body, ports.monotonic).body()
    path = join_path(exchange.segments)
    target = f"{path}?{request.query}" if request.query else path
    inbound = ports.services[row.upstream].send(
        Outbound(
            request.method, target, exchange.upstream_headers, body, length, holder=exchange.holder, cut=request.cut
        )
    )
    if inbound.early:
        request.close()  # the rest of the body is still on its way
    reply = inbound.reply
    reply.headers = [pair for pair in end_to_end(reply.headers) if pair[0].lower() not in _REPLACED]
    exchange.reply = reply
