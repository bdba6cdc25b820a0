"""Count the answer and how long it took, by the route's id; no label names a person."""

from heartguard_gateway.domain import Exchange
from heartguard_gateway.ports import Ports

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def run(exchange: Exchange, ports: Ports) -> None:
    """Observe one request; methods that nobody knows share one label, or a client could invent labels."""
    method = exchange.request.method
    ports.metrics.observe(
        exchange.row.id if exchange.row else "unmatched",
        method if method in _METHODS else "other",
        exchange.reply.status if exchange.reply else 0,
        ports.monotonic() - exchange.started,
    )
