"""Ask Redis once: the buckets of address, organization and caller, the token's revocation, the organization's state."""

from collections.abc import Sequence

from heartguard_common.core.errors import INVALID_TOKEN, TOO_MANY_REQUESTS, ServiceError
from heartguard_common.core.network import bucket_address
from heartguard_common.identity.authentication import bearer_token
from heartguard_common.identity.organization_state import bucket
from heartguard_common.identity.policy import UNLIMITED
from heartguard_common.identity.revocation import Verdict
from heartguard_gateway.domain import ORGANIZATION, Exchange, Limit, Quota, client_address
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

ADDRESS = "address"
_MICROSECONDS = 1_000_000
_COUNTED_PER = {ADDRESS: "address", ORGANIZATION: "minute and organization"}


@stage(needs=("rule", "principal", "api_key", "refusal"), adds=("address", "quota", "near"))
def admit(exchange: Exchange, ports: Ports) -> None:
    """Set address and quota, and the principal of an API key that was not known.

    Raises GEN_429, the refusal found earlier, GEN_401_TOKEN or GEN_503 for revoked tokens and unknown keys.
    """
    request = exchange.request
    exchange.address = client_address(request.peer, request.headers.get("x-forwarded-for"), ports.trusted_proxies)
    looked_up = exchange.api_key is not None and exchange.principal is None
    if looked_up:
        _look_up(exchange, ports)
    person = exchange.principal if exchange.principal and exchange.principal.kind == "person" else None
    buckets = _buckets(exchange, ports)[1 if looked_up else 0 :]
    if buckets or person:
        admission = ports.gate.admit(buckets, person)
        _charge(exchange, admission.quotas)
    if exchange.refusal is not None:
        raise exchange.refusal
    if person is None:
        return
    exchange.near = admission.organization.near
    if exchange.api_key is not None:
        exchange.principal = ports.api_keys.confirm(exchange.api_key, person, admission.caller)
        return
    state = admission.caller
    if state.verdict is Verdict.UNKNOWN:
        state = ports.introspect(bearer_token(request.headers.get("authorization")) or "")
    if state.verdict is Verdict.REVOKED:
        raise ServiceError(INVALID_TOKEN)
    exchange.principal = person.in_mode(state.mode)


def _look_up(exchange: Exchange, ports: Ports) -> None:
    """Charge the address, and ask auth what an API key stands for: so wrong keys count against the address."""
    buckets = _buckets(exchange, ports)[:1]
    if buckets:
        _charge(exchange, ports.gate.admit(buckets, None).quotas)
    exchange.principal = ports.api_keys.look_up(exchange.api_key or "")


def _buckets(exchange: Exchange, ports: Ports) -> list[tuple[str, Limit]]:
    """The address's bucket for all but unlimited routes; the caller's too, unless there is no route or caller.

    Between them that of the caller's organization, where it has a share of its own.
    """
    rule, address = exchange.rule, bucket_address(exchange.address)
    if rule is not None and rule.limit == UNLIMITED:
        return []
    buckets = [(f"hg:rl:{ADDRESS}:{address}", ports.limits[ADDRESS])]
    if rule is not None and rule.limit != ADDRESS and exchange.refusal is None:
        caller = exchange.principal
        share = ports.gate.share(caller.org_id) if caller is not None and caller.kind == "person" else None
        if caller is not None and share is not None:
            buckets.append((bucket(caller.org_id), share))
        actor = exchange.principal.actor if exchange.principal else "anonymous"
        buckets.append((f"hg:rl:{rule.limit}:{address}:{actor}", ports.limits[rule.limit]))
    return buckets


def _charge(exchange: Exchange, quotas: Sequence[Quota]) -> None:
    """The quota in the headers of the answer is the caller's, or the address's where that refuses."""
    if not quotas:
        return
    refused = [quota for quota in quotas if not quota.allowed]
    exchange.quota = refused[0] if refused else quotas[-1]
    if refused:
        # All buckets were asked, so the client has to wait until each of them has a token.
        wait = -(-max(quota.wait_us for quota in quotas) // _MICROSECONDS)
        limit = exchange.quota.limit
        per = _COUNTED_PER.get(limit.name, "address and caller")
        raise ServiceError(
            TOO_MANY_REQUESTS,
            f"The limit '{limit.name}' of {limit.capacity} requests per {per} is used up; "
            f"try again in {max(wait, 1)} s",
            headers={"Retry-After": str(max(wait, 1))},
        )
