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


def check_health(process: Process, _: EmptyCall) -> Answer[Health]:
    """Check whether the service runs.

    What it depends on is not checked.
    """
    return Answer({"status": "ok", "service": process.service})


def check_readiness(process: Process, _: EmptyCall) -> Answer[Readiness]:
    """Check whether the service and all that it needs are available.

    Answers 503 as long as something is not available.
    """
    document = readiness_document(process.lifecycle.readiness())
    return Answer(document, status=200 if document["status"] == "ready" else 503)


def read_metrics(process: Process, _: EmptyCall) -> StreamAnswer:
    """Read the metrics in the text format of Prometheus."""
    return StreamAnswer([process.metrics.exposition()], CONTENT_TYPE)


def standard_routes(prefix: str) -> tuple[Route[Process, Any], ...]:
    """The routes of a service, which describe its `Process`; `prefix` as in `/auth`."""
    return (
        Route("GET", f"{prefix}/health", check_health),
        Route("GET", f"{prefix}/ready", check_readiness),
        Route("GET", f"{prefix}/metrics", read_metrics, offers=("text/plain", *DOCUMENT_TYPES)),
    )
