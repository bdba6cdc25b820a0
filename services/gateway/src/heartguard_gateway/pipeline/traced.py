"""The pipeline with a span for each request and each stage, where traces are sent."""

from dataclasses import replace

from heartguard_common.core import trace
from heartguard_common.core.tracing import Tracing
from heartguard_gateway.domain import Exchange, Reply
from heartguard_gateway.pipeline.pipeline import ALWAYS, STAGES, Pipeline
from heartguard_gateway.pipeline.stage import Stage
from heartguard_gateway.pipeline.stages.assign_request_id import assign_request_id
from heartguard_gateway.ports import Ports


def make_pipeline(ports: Ports) -> Pipeline:
    """The pipeline of all stages. Raises `OrderError`."""
    return Pipeline(ports) if trace.SPANS is None else TracedPipeline(ports, trace.SPANS)


class TracedPipeline(Pipeline):
    """Makes the spans; a stage that is skipped makes none."""

    def __init__(self, ports: Ports, spans: Tracing) -> None:
        stages, always = ([_traced(stage, spans) for stage in part] for part in (STAGES, ALWAYS))
        super().__init__(ports, stages, always)
        self._spans = spans

    def handle(self, exchange: Exchange) -> Reply:
        """As without spans."""
        request = exchange.request
        with self._spans.served(request.method, request.headers.get("traceparent")) as span:
            reply = super().handle(exchange)
            span.attribute("http.request.method", request.method)
            span.attribute("http.response.status_code", reply.status)
            span.attribute("heartguard.request_id", exchange.request_id)
            if exchange.rule is not None:
                span.rename(f"{request.method} {exchange.rule.path}")
                span.attribute("http.route", exchange.rule.path)
            if exchange.code is not None:
                span.attribute("heartguard.error_code", exchange.code)
            if reply.status >= 500:
                span.failed(str(reply.status))
            return reply


def _traced(stage: Stage, spans: Tracing) -> Stage:
    if stage is assign_request_id:
        return stage  # it sets the traceparent for the services, which must name the request's span

    def run(exchange: Exchange, ports: Ports) -> None:
        with spans.inside(stage.name):
            stage.run(exchange, ports)

    return replace(stage, run=run)
