"""The routes that every service has: health, readiness, metrics."""

from dataclasses import dataclass
from typing import Any

from heartguard_common.core.lifecycle import Lifecycle, readiness_document
from heartguard_common.core.metrics import CONTENT_TYPE, Metrics
from heartguard_common.http.routing import DOCUMENT_TYPES, Answer, EmptyCall, Route, StreamAnswer
from heartguard_common.messages import Health, Readiness


@dataclass(frozen=True)
class Process:
    """The process that the standard routes describe."""

    service: str
    lifecycle: Lifecycle
    metrics: Metrics


def health(process: Process, _: EmptyCall) -> Answer[Health]:
    """Whether the process answers."""
    return Answer({"status": "ok", "service": process.service})


def ready(process: Process, _: EmptyCall) -> Answer[Readiness]:
    """Whether all that the service needs answers; 503 while one thing does not."""
    document = readiness_document(process.lifecycle.readiness())
    return Answer(document, status=200 if document["status"] == "ready" else 503)


def metrics(process: Process, _: EmptyCall) -> StreamAnswer:
    """Counters and gauges, in the text format of Prometheus."""
    return StreamAnswer([process.metrics.exposition()], CONTENT_TYPE)


def standard_routes(prefix: str) -> tuple[Route[Process, Any], ...]:
    """The routes of a service, which describe its `Process`; `prefix` as in `/auth`."""
    return (
        Route("GET", f"{prefix}/health", health),
        Route("GET", f"{prefix}/ready", ready),
        Route("GET", f"{prefix}/metrics", metrics, offers=("text/plain", *DOCUMENT_TYPES)),
    )
