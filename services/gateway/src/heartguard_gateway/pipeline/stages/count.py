"""Count the answer and how long it took, by the route's id; no label names a person."""

from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports


@stage(needs=("reply",))
def count(exchange: Exchange, ports: Ports) -> None:
    """Observe one request."""
    ports.metrics.observe(
        exchange.rule.id if exchange.rule else "unmatched",
        exchange.request.method,
        exchange.reply.status if exchange.reply else 0,
        ports.monotonic() - exchange.started,
    )
