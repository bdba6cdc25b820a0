"""Find the policy's row. No row, no passage; the refusal waits until `admit` has charged it to the address."""

from heartguard_common.errors import METHOD_NOT_ALLOWED, NOT_FOUND, ServiceError
from heartguard_gateway.domain import Exchange
from heartguard_gateway.ports import Ports
from heartguard_gateway.stage import stage


@stage(needs=("segments",), adds=("row", "params", "fault"))
def match_route(exchange: Exchange, ports: Ports) -> None:
    """Set row and path parameters, or the fault GEN_404 or GEN_405 (with Allow)."""
    match = ports.matcher.find(exchange.segments)
    if match is None:
        exchange.fault = ServiceError(NOT_FOUND)
        return
    exchange.row = match.rows.get(exchange.request.method)
    exchange.params = match.params
    if exchange.row is None:
        exchange.fault = ServiceError(METHOD_NOT_ALLOWED, headers={"Allow": match.allow})
