"""Authorize by role, as the rule says; whether the object is the caller's is decided by the service that stores it."""

from heartguard_common.core.network import is_inner
from heartguard_common.identity import policy
from heartguard_common.identity.policy import INNER
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

FORWARDING = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


@stage(needs=("rule", "principal", "address", "quota"), adds=("inner",))
def authorize(exchange: Exchange, ports: Ports) -> None:
    """Let pass or raise GEN_401, GEN_403; the use of an API key is recorded.

    `inner` is set where the network position alone opens the route.
    """
    rule, request = exchange.rule, exchange.request
    assert rule is not None  # admit has raised the refusal of a request without a rule
    exchange.inner = (
        rule.who == INNER and is_inner(request.peer) and not any(name in request.headers for name in FORWARDING)
    )
    caller = exchange.principal
    policy.authorize(rule, caller, inner=exchange.inner)
    if caller is not None and caller.api_key is not None:
        caller.api_key.require_network(exchange.address)
        ports.api_keys.record_use(caller, exchange.address)
