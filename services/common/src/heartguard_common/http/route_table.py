"""Compares a service's route table with policy.toml and the contract, which name the same routes and messages."""

from collections.abc import Sequence

from heartguard_common.contract.contracts import Contracts
from heartguard_common.http.routing import AnyRoute
from heartguard_common.identity.policy import Policy


class RouteTableError(Exception):
    """The route table and the policy don't say the same; the service refuses to start."""


def require_same_routes(service: str, table: Sequence[AnyRoute], policy: Policy, contracts: Contracts) -> None:
    """Raises `RouteTableError` unless table and policy have the same routes and the contract all their messages."""
    mounted = {(route.method, route.path) for route in table}
    written = {(rule.method, rule.path) for rule in policy.of(service)}
    problems = [f"{method} {path} has no rule in policy.toml" for method, path in sorted(mounted - written)]
    problems += [f"{method} {path} has no route in {service}" for method, path in sorted(written - mounted)]
    for route in table:
        rule = policy.rule(route.method, route.path)
        if rule is not None and (rule.max_body is None) is not (route.body == "stream"):
            problems.append(f"{route.method} {route.path} is a stream in one of route table and policy.toml only")
        for name in (route.takes, route.gives, route.query):
            if name is not None and name not in contracts.names():
                problems.append(f"{route.method} {route.path} names the unknown message {name}")
    if problems:
        raise RouteTableError("\n".join(problems))
