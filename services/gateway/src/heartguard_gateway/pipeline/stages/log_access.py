"""Log the answer as one line of JSON, without query, address or text that a person entered."""

from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports


@stage(needs=("reply", "request_id"))
def log_access(exchange: Exchange, ports: Ports) -> None:
    """Write the access line; a path with text of the caller's choice may hold anything and is redacted."""
    principal, rule, request = exchange.principal, exchange.rule, exchange.request
    fields = {
        "method": request.method,
        "path": request.path if rule and not rule.free_text else ports.matcher.redact(request.path),
        "route": rule.id if rule else "unmatched",
        "status": exchange.reply.status if exchange.reply else 0,
        "latency_ms": round((ports.monotonic() - exchange.started) * 1000, 2),
        "user_id": principal.user_id if principal else None,
        "org_id": principal.org_id if principal else None,
        "gateway_request_id": exchange.gateway_request_id,
    }
    if principal is not None and principal.api_key is not None:
        fields["api_key"] = principal.api_key.id
    if exchange.refused_by:
        fields |= {"refused_by": exchange.refused_by, "code": exchange.code}
    ports.log.info("request", extra={"fields": fields})
