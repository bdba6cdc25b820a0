"""Count the answer and how long it took, by the route's id; no label names a person."""

from heartguard_gateway.domain import Exchange, Reply
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports


@stage(needs=("reply",))
def count(exchange: Exchange, ports: Ports) -> None:
    """Observe one request."""
    route, reply = exchange.rule.id if exchange.rule else "unmatched", exchange.reply
    ports.metrics.observe(
        route, exchange.request.method, reply.status if reply else 0, ports.monotonic() - exchange.started
    )
    ports.metrics.transferred(route, exchange.request.content_length, _size(reply) if reply else 0)


def _size(reply: Reply) -> int:
    """The bytes of a reply's body; 0 where they are not known before they are sent."""
    if reply.stream is None:
        return len(reply.body)
    return next((int(value) for name, value in reply.headers if name.lower() == "content-length"), 0)
