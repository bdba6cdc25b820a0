"""The gateway's pipeline: which stages there are, in which order, and how an exchange goes through them.

Knows no Flask: an `Exchange` goes in, its reply comes out.
"""

import dataclasses
from collections.abc import Sequence

from heartguard_common.core.errors import INTERNAL, ServiceError
from heartguard_common.http import error_rendering
from heartguard_gateway.domain import Exchange, Reply
from heartguard_gateway.pipeline.stage import Stage
from heartguard_gateway.pipeline.stages.admit import admit
from heartguard_gateway.pipeline.stages.answer_preflight import answer_preflight
from heartguard_gateway.pipeline.stages.assign_request_id import assign_request_id
from heartguard_gateway.pipeline.stages.authorize import authorize
from heartguard_gateway.pipeline.stages.choose_representation import choose_representation
from heartguard_gateway.pipeline.stages.count import count
from heartguard_gateway.pipeline.stages.forward import forward
from heartguard_gateway.pipeline.stages.log_access import log_access
from heartguard_gateway.pipeline.stages.match_route import match_route
from heartguard_gateway.pipeline.stages.prepare_answer import prepare_answer
from heartguard_gateway.pipeline.stages.redeem_ticket import redeem_ticket
from heartguard_gateway.pipeline.stages.refuse_malformed import refuse_malformed
from heartguard_gateway.pipeline.stages.shed_load import shed_load
from heartguard_gateway.pipeline.stages.strip_client_headers import strip_client_headers
from heartguard_gateway.pipeline.stages.verify_token import verify_token
from heartguard_gateway.pipeline.stages.write_audit import write_audit
from heartguard_gateway.ports import Ports


class OrderError(Exception):
    """The list of stages can't work in this order; the gateway refuses to start."""


STAGES = (  # in the order in which they run
    assign_request_id,
    choose_representation,
    shed_load,
    refuse_malformed,
    answer_preflight,
    match_route,
    redeem_ticket,
    verify_token,
    admit,
    authorize,
    strip_client_headers,
    forward,
    prepare_answer,
)
ALWAYS = (  # also after a refusal, before the bytes leave
    write_audit,
    count,
    log_access,
)


def check_order(stages: Sequence[Stage], always: Sequence[Stage]) -> None:
    """Check the lists. Raises `OrderError` for a need that no earlier stage has met."""
    fields = {field.name for field in dataclasses.fields(Exchange)}
    added: set[str] = set()
    seen: set[str] = set()
    for stage in (*stages, *always):
        if stage.name in seen:
            raise OrderError(f"{stage.name} stands twice")
        if unknown := {*stage.needs, *stage.adds} - fields:
            raise OrderError(f"{stage.name} names {', '.join(sorted(unknown))}, which no exchange has")
        if missing := set(stage.needs) - added:
            raise OrderError(f"{stage.name} needs {', '.join(sorted(missing))} from an earlier stage")
        seen.add(stage.name)
        added.update(stage.adds)
    if "reply" not in added:
        raise OrderError("no stage adds the reply")
    if any(not stage.closing for stage in always):
        raise OrderError("what runs always must work on a reply")


class Pipeline:
    """The compiled lists. Making one raises `OrderError` when they can't work."""

    def __init__(self, ports: Ports, stages: Sequence[Stage] = STAGES, always: Sequence[Stage] = ALWAYS) -> None:
        check_order(stages, always)
        self._ports = ports
        self._steps = (*stages, *always)
        self._always = frozenset(stage.name for stage in always)

    def handle(self, exchange: Exchange) -> Reply:
        """Run the stages in order; an exception becomes the reply, in the caller's format."""
        for stage in self._steps:
            if stage.closing is (exchange.reply is None):
                continue
            try:
                stage.run(exchange, self._ports)
            except Exception as error:  # noqa: BLE001  of any kind: the caller gets an answer, and the log the rest
                self._fail(exchange, stage, error)
        assert exchange.reply is not None  # check_order has seen a stage that adds it
        return exchange.reply

    def _fail(self, exchange: Exchange, stage: Stage, error: Exception) -> None:
        known = error if isinstance(error, ServiceError) else ServiceError(INTERNAL)
        if known.error_code is INTERNAL:
            self._ports.log.error("stage %s failed", stage.name, exc_info=error)
            if stage.name in self._always:
                return  # counting and logging never change an answer; only a refusal on purpose does
        if exchange.reply is not None and exchange.reply.stream is not None:
            exchange.reply.stream.close()
        exchange.refused_by, exchange.code = stage.name, known.error_code.code
        # Header fields of prepare_answer on a reply that is replaced are kept where they are still true.
        kept = _identifying(exchange.reply) if exchange.reply else []
        status, headers, body = error_rendering.render(
            known, exchange.error_type, exchange.request_id, self._ports.contracts
        )
        exchange.reply = Reply(status, [*headers.items(), *kept], body)
        self._ports.refused(stage.name, known.error_code.code)


def _identifying(reply: Reply) -> list[tuple[str, str]]:
    wanted = ("x-request-id", "x-gateway-request-id", "vary", "deprecation", "sunset", "link")
    return [
        (name, value)
        for name, value in reply.headers
        if name.lower() in wanted or name.lower().startswith("access-control-")
    ]
