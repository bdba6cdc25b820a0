"""Give the request its ids: the client's, where it is well-formed, or a new one; and the gateway's own, always new."""

from heartguard_common.core.ids import uuid7
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID, TRACEPARENT, accept_request_id, continued
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports


@stage(adds=("request_id", "gateway_request_id"))
def assign_request_id(exchange: Exchange, ports: Ports) -> None:
    """Set both ids, also for logs and for calls to other services made for this request."""
    headers = exchange.request.headers
    exchange.request_id = accept_request_id(headers.get("x-request-id"))
    exchange.gateway_request_id = uuid7(ports.clock)
    REQUEST_ID.set(exchange.request_id)
    GATEWAY_REQUEST_ID.set(exchange.gateway_request_id)
    TRACEPARENT.set(continued(headers.get("traceparent")))
