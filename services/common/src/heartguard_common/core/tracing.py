"""Sends spans to an OpenTelemetry collector, where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.

Only `start` loads OpenTelemetry, so that a process without that setting pays nothing for it. Spans hold the names of
routes, services, commands and the texts of statements, which have no values; no id of a person or organization.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from heartguard_common import __version__
from heartguard_common.core import trace
from heartguard_common.core.settings import CommonSettings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind

EXPORT_SECONDS = 3


class LiveSpan(Protocol):
    """What is measured at the moment."""

    def attribute(self, name: str, value: str | int) -> None:
        """Say something of it."""

    def rename(self, name: str) -> None:
        """Give it another name, when more is known of it."""

    def failed(self, kind: str) -> None:
        """It ended with an error of that kind."""


def start(service: str, settings: CommonSettings, *, public: bool = False) -> "Tracing | None":
    """Begin to send the spans of this process, and make them known to `trace.SPANS`; None without an endpoint.

    `public` says that strangers call this process: whether a trace is sampled is decided here then, and not by the
    caller. Raises `SettingsError` where OpenTelemetry is not installed.
    """
    if not settings.otlp_endpoint:
        return None
    try:
        trace.SPANS = Tracing(_provider(service, settings, public=public))
    except ModuleNotFoundError as error:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: pip install -r requirements-tracing.txt"
        ) from error
    return trace.SPANS


def _provider(service: str, settings: CommonSettings, *, public: bool) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  see above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    ratio = TraceIdRatioBased(settings.trace_ratio)
    decided_here = {"remote_parent_sampled": ratio, "remote_parent_not_sampled": ratio} if public else {}
    resource = Resource.create({"service.name": f"heartguard-{service}", "service.version": __version__})
    provider = TracerProvider(sampler=ParentBased(ratio, **decided_here), resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces",
        headers=dict(settings.otlp_headers),
        timeout=EXPORT_SECONDS,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return provider


class Tracing:
    """The spans of one process."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace as api  # noqa: PLC0415  see above
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._api = api
        self._propagator = TraceContextTextMapPropagator()
        self._provider = provider
        self._tracer = provider.get_tracer("heartguard", __version__)

    @contextmanager
    def served(self, name: str, inbound: str | None) -> Iterator[LiveSpan]:
        """The span of a request, in the trace that its `traceparent` names."""
        parent = self._propagator.extract({"traceparent": inbound} if inbound else {})
        with self._tracer.start_as_current_span(name, context=parent, kind=self._api.SpanKind.SERVER) as span:
            yield _Span(span)

    @contextmanager
    def inside(self, name: str, *, leaves: bool = False, **attributes: str) -> Iterator[None]:
        """A span inside of the current one; nothing where none is recorded. `leaves` says that it leaves the process.

        An underscore in the name of an attribute stands for a dot.
        """
        if not self._api.get_current_span().is_recording():
            yield
            return
        known = {key.replace("_", "."): value for key, value in attributes.items()}
        with self._tracer.start_as_current_span(name, attributes=known, kind=self._kind(leaves=leaves)):
            yield

    def traceparent(self) -> str | None:
        """The `traceparent` that names the current span as parent (W3C Trace Context); None outside of one."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent")

    def close(self) -> None:
        """Send what is left, and end."""
        trace.SPANS = None
        self._provider.shutdown()

    def _kind(self, *, leaves: bool) -> "SpanKind":
        return self._api.SpanKind.CLIENT if leaves else self._api.SpanKind.INTERNAL


class _Span:
    """A `LiveSpan` of OpenTelemetry."""

    def __init__(self, span: "Span") -> None:
        self._span = span

    def attribute(self, name: str, value: str | int) -> None:
        """Say something of it."""
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._span.update_name(name)

    def failed(self, kind: str) -> None:
        """It ended with an error of that kind."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415  loaded by `start`

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)
