"""Refuse a request that has waited too long: its client is about to give up, and then the work is wasted."""

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.domain import Exchange
from heartguard_gateway.errors import OVERLOADED
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

LONGEST_WAIT_SECONDS = 3.0
# Health must be answered also when, and above all when, the gateway is overloaded.
OWN = ("/gateway/", "/health", "/api/v1/gateway/", "/api/v1/health")


@stage(needs=("media_type",))
def shed_load(exchange: Exchange, _: Ports) -> None:
    """Raises GW_014 for a request that was unread for seconds."""
    if exchange.request.waited > LONGEST_WAIT_SECONDS and not exchange.request.path.startswith(OWN):
        raise ServiceError(OVERLOADED, headers={"Retry-After": "2"})
