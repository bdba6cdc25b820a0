"""The gateway's main line: which stages there are, in which order, and how an exchange walks down them.

Knows no Flask: an `Exchange` goes in, its reply comes out.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module

from heartguard_common import failures
from heartguard_common.errors import INTERNAL, ServiceError
from heartguard_gateway.domain import Exchange, Reply
from heartguard_gateway.ports import Ports


class OrderError(Exception):
    """The list of stages can't work in this order; the gateway refuses to start."""


@dataclass(frozen=True)
class Stage:
    """One step by name: the fields of the exchange it reads, and those it sets."""

    name: str
    needs: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()

    @property
    def closing(self) -> bool:
        """Whether it works on a reply; all other stages work only as long as there is none."""
        return "reply" in self.needs


STAGES = (  # from top to bottom: the order is the policy
    Stage("assign_request_id", adds=("request_id", "gateway_request_id")),
    Stage("choose_representation", adds=("media_type", "error_type", "acceptable")),
    Stage("shed_load", needs=("media_type",)),
    Stage("refuse_malformed", adds=("segments",)),
    Stage("answer_preflight", needs=("segments",)),
    Stage("match_route", needs=("segments",), adds=("row", "params", "prefix", "fault")),
    Stage("verify_token", needs=("row", "fault"), adds=("principal",)),
    Stage("admit", needs=("row", "principal", "fault"), adds=("address", "quota")),
    Stage("authorize", needs=("row", "principal", "quota"), adds=("inner",)),
    Stage("strip_client_headers", needs=("request_id", "address", "inner"), adds=("upstream_headers",)),
    Stage("forward", needs=("row", "upstream_headers"), adds=("reply",)),
    Stage("prepare_answer", needs=("reply", "media_type")),
)
ALWAYS = (  # also after a refusal, before the bytes leave
    Stage("write_audit", needs=("reply", "gateway_request_id")),
    Stage("count", needs=("reply",)),
    Stage("log_access", needs=("reply", "request_id")),
)

Run = Callable[[Exchange, Ports], None]


def check_order(stages: Sequence[Stage], always: Sequence[Stage]) -> None:
    """Hold the lists against themselves. Raises `OrderError` for a need that no earlier stage has met."""
    fields = {field.name for field in dataclasses.fields(Exchange)}
    added: set[str] = set()
    seen: set[str] = set()
    for stage in (*stages, *always):
        if stage.name in seen:
            raise OrderError(f"{stage.name} stands twice")
        if unknown := {*stage.needs, *stage.adds} - fields:
            raise OrderError(f"{stage.name} speaks of {', '.join(sorted(unknown))}, which no exchange has")
        if missing := set(stage.needs) - added:
            raise OrderError(f"{stage.name} needs {', '.join(sorted(missing))} from an earlier stage")
        seen.add(stage.name)
        added.update(stage.adds)
    if "reply" not in added:
        raise OrderError("no stage adds the reply")
    if any(not stage.closing for stage in always):
        raise OrderError("what runs always must work on a reply")


def load(stages: Iterable[Stage]) -> tuple[tuple[Stage, Run], ...]:
    """The `run` of each stage's file. Raises `OrderError` where there is none."""
    loaded = []
    for stage in stages:
        try:
            run: Run = import_module(f"heartguard_gateway.stages.{stage.name}").run
        except (ModuleNotFoundError, AttributeError) as error:
            raise OrderError(f"{stage.name} has no file with a run(exchange, ports)") from error
        loaded.append((stage, run))
    return tuple(loaded)


class Pipeline:
    """The compiled lists. Making one raises `OrderError` when they can't work."""

    def __init__(self, ports: Ports, stages: Sequence[Stage] = STAGES, always: Sequence[Stage] = ALWAYS) -> None:
        check_order(stages, always)
        self._ports = ports
        self._steps = load((*stages, *always))
        self._always = frozenset(stage.name for stage in always)

    def handle(self, exchange: Exchange) -> Reply:
        """Walk down the stages; whatever is raised on the way becomes the reply, in the caller's format."""
        for stage, run in self._steps:
            if stage.closing is (exchange.reply is None):
                continue
            try:
                run(exchange, self._ports)
            except Exception as error:  # noqa: BLE001  whatever it was, the caller gets an answer, the log the rest
                self._fail(exchange, stage, error)
        assert exchange.reply is not None  # check_order has seen a stage that adds it
        return exchange.reply

    def _fail(self, exchange: Exchange, stage: Stage, error: Exception) -> None:
        known = error if isinstance(error, ServiceError) else ServiceError(INTERNAL)
        if known.row is INTERNAL:
            self._ports.log.error("stage %s failed", stage.name, exc_info=error)
            if stage.name in self._always:
                return  # counting and logging never change an answer; only a refusal on purpose does
        if exchange.reply is not None and exchange.reply.stream is not None:
            exchange.reply.stream.close()
        exchange.refused_by, exchange.code = stage.name, known.row.code
        # What prepare_answer had put on a reply that can't leave is kept where it still holds.
        kept = _identifying(exchange.reply) if exchange.reply else []
        status, headers, body = failures.render(known, exchange.error_type, exchange.request_id, self._ports.contracts)
        exchange.reply = Reply(status, [*headers.items(), *kept], body)
        self._ports.refused(stage.name, known.row.code)


def _identifying(reply: Reply) -> list[tuple[str, str]]:
    wanted = ("x-request-id", "x-gateway-request-id", "vary", "deprecation", "sunset", "link")
    return [
        (name, value)
        for name, value in reply.headers
        if name.lower() in wanted or name.lower().startswith("access-control-")
    ]
