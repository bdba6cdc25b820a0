"""Authenticate the caller without asking another service: verify signature and times, or find the token in a cache.

An API key that is not in the cache is looked up by `admit`, once the request is charged to the address.
"""

from heartguard_common.contract.error_documents import INFLUXDB_1
from heartguard_common.core.errors import UNAUTHENTICATED, ServiceError
from heartguard_common.identity.api_key import key_of, without_credentials
from heartguard_common.identity.policy import ANYONE, INNER
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports


@stage(needs=("rule", "refusal"), adds=("principal", "api_key"))
def verify_token(exchange: Exchange, ports: Ports) -> None:
    """Set the principal, or the refusal of bad or missing credentials, which `admit` charges to the address alone."""
    rule = exchange.rule
    if rule is None or rule.credentials == "ignored" or exchange.refusal is not None:
        return
    if rule.errors == INFLUXDB_1:
        _move_credentials(exchange)
    authorization = exchange.request.headers.get("authorization")
    try:
        exchange.api_key = key_of(authorization, rule.errors)
        if exchange.api_key is not None:
            exchange.principal = ports.api_keys.remembered(exchange.api_key)
            return
        exchange.principal = ports.callers.identify(authorization)
    except ServiceError as error:
        exchange.refusal = error
        return
    if exchange.principal is None and rule.who not in (ANYONE, INNER):
        exchange.refusal = ServiceError(UNAUTHENTICATED)


def _move_credentials(exchange: Exchange) -> None:
    """Take the user name and password of a client of InfluxDB 1 out of the query, so that no service gets them there.

    They count where there is no `Authorization` header.
    """
    request = exchange.request
    query, password = without_credentials(request.query)
    request.target = f"{request.path}?{query}" if query else request.path
    if password is not None and "authorization" not in request.headers:
        request.headers = {**request.headers, "authorization": f"Token {password}"}
