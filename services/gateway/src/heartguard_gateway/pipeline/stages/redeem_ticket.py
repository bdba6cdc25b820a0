"""Put the credentials that a ticket stands for into the request that brings it: `EventSource` sends no header."""

from urllib.parse import parse_qsl

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

RULE = "stream.open"


@stage(needs=("rule", "refusal"))
def redeem_ticket(exchange: Exchange, ports: Ports) -> None:
    """Replace the header, or set the refusal of a ticket that is not valid, which `admit` charges to the address."""
    rule, request = exchange.rule, exchange.request
    if rule is None or rule.id != RULE or "ticket=" not in request.query or "authorization" in request.headers:
        return
    ticket = next((value for name, value in parse_qsl(request.query) if name == "ticket"), "")
    try:
        request.headers = {**request.headers, "authorization": ports.redeem(ticket)}
    except ServiceError as error:
        exchange.refusal = error
