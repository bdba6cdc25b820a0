"""Find the policy's rule. Without one the request is refused, after `admit` has charged it to the address."""

from heartguard_common.core.errors import METHOD_NOT_ALLOWED, NOT_FOUND, ServiceError
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports
from heartguard_gateway.route_matching import VERSION_PREFIX


@stage(needs=("segments",), adds=("rule", "params", "prefix", "refusal"))
def match_route(exchange: Exchange, ports: Ports) -> None:
    """Set rule, path parameters and the service's path, or the refusal GEN_404 or GEN_405 (with Allow).

    A rule that names a dialect settles in which form the request is refused from here on.
    """
    match = ports.matcher.find(exchange.segments)
    if match is None:
        exchange.refusal = ServiceError(NOT_FOUND)
        return
    rule = exchange.rule = match.rules.get(exchange.request.method)
    exchange.params = match.params
    if match.segments is not exchange.segments:
        exchange.segments, exchange.prefix = match.segments, VERSION_PREFIX
    dialect = rule.errors if rule else match.errors
    if dialect is not None:
        exchange.error_type = dialect
    if rule is None:
        exchange.refusal = ServiceError(METHOD_NOT_ALLOWED, headers={"Allow": match.allow})
