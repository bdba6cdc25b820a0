"""Authorize by role, as the rule says; whether the object is the caller's is decided by the service that stores it."""

from heartguard_common.http.network import is_inner
from heartguard_common.identity import policy
from heartguard_common.identity.policy import INNER
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

FORWARDING = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


@stage(needs=("rule", "principal", "quota"), adds=("inner",))
def authorize(exchange: Exchange, _: Ports) -> None:
    """Let pass or raise GEN_401, GEN_403. `inner` is set where the network position alone opens the route."""
    rule, request = exchange.rule, exchange.request
    assert rule is not None  # admit has raised the refusal of a request without a rule
    exchange.inner = (
        rule.who == INNER and is_inner(request.peer) and not any(name in request.headers for name in FORWARDING)
    )
    policy.authorize(rule, exchange.principal, inner=exchange.inner)
