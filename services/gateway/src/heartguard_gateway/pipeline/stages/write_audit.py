"""Write the access event before the answer leaves: actor, route, object, outcome."""

from collections.abc import Mapping

from heartguard_common.audit.events import AuditEvent, traced
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.policy import RouteRule, redact
from heartguard_common.messages import Outcome
from heartguard_gateway.domain import Exchange
from heartguard_gateway.errors import AUDIT_UNAVAILABLE
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

_DENIED = (401, 403, 429)
_FIRST_ERROR = 400


@stage(needs=("reply", "gateway_request_id"))
def write_audit(exchange: Exchange, ports: Ports) -> None:
    """Record one event per audited request of a matched route; refusals that repeat are counted in one.

    Raises GW_013 where it can be kept nowhere.
    """
    rule, reply = exchange.rule, exchange.reply
    if rule is None or not rule.audited or reply is None:
        return
    principal = exchange.principal
    event = AuditEvent(
        id=exchange.gateway_request_id,
        time=rfc3339(ports.clock.now_ns()),
        kind="access",
        request_id=exchange.request_id,
        gateway_request_id=exchange.gateway_request_id,
        org_id=principal.org_id if principal else None,
        actor=principal.actor if principal else "anonymous",
        action=rule.id,
        service="gateway",
        resource=_resource(rule, exchange.params),
        outcome=outcome(reply.status),
        reason=exchange.code,
        payload={
            "method": exchange.request.method,
            "status": reply.status,
            **(principal.attribution if principal else {}),
            **traced(),
        },
    )
    try:
        ports.trail.record(event, exchange.address)
    except OSError as error:
        ports.log.exception("neither Redis nor the spool took an audit event")
        raise ServiceError(AUDIT_UNAVAILABLE) from error


def outcome(status: int) -> Outcome:
    """How an answer of this status ended for the caller."""
    if status < _FIRST_ERROR:
        return "success"
    return "denied" if status in _DENIED else "failure"


def _resource(rule: RouteRule, params: Mapping[str, str]) -> str | None:
    """The object in the path as the services name it: `user:12`, `media:0189...`, `bucket:org_3`."""
    for name, value in params.items():
        kind = rule.id.partition(".")[0] if name.endswith("_id") else name
        return f"{kind}:{redact(value) if rule.free_text else value}"
    return None
