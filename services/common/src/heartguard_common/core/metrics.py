"""Prometheus metrics, summed over all workers of a service (`PROMETHEUS_MULTIPROC_DIR`)."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TASK = ("service", "task")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one process of a service. Labels never hold a person's id."""

    def __init__(self, service: str) -> None:
        self._registry = CollectorRegistry()
        self._live = CollectorRegistry()
        self.service = service
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.requests = self.counter(
            "heartguard_requests", "Requests answered", ("service", "route", "method", "status")
        )
        self.errors = self.counter("heartguard_errors", "Requests answered with 5xx", ("service", "route"))
        self.limit_refusals = self.counter("heartguard_limit_refusals", "Refused by a limit", ("limit",))
        self._task_runs = self.counter("heartguard_background_runs", "Ended runs of a background task", _TASK)
        self._task_failures = self.counter("heartguard_background_failures", "Runs that failed", _TASK)
        self._task_seconds = self.counter("heartguard_background_seconds", "Seconds spent in runs", _TASK)
        self._task_running = self.gauge("heartguard_background_running", "Runs that are under way", _TASK)
        self.seconds = Histogram(
            "heartguard_request_seconds",
            "Seconds from the first byte read to the answer",
            ("service", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )

    def counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        """A counter of this process's registry."""
        return Counter(name, text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        """A gauge that is summed over living workers."""
        return Gauge(name, text, labels, registry=self._registry, multiprocess_mode="livesum")

    def live(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge whose value is obtained by `read` at each scrape; it is left out when `read` fails."""
        self._live.register(_Live(name, text, read))

    def live_queues(self, name: str, text: str, read: Callable[[], Mapping[str, float]]) -> None:
        """As `live`, with a value for each queue of the service, by its name."""
        self._live.register(_LiveByLabel(name, text, (self.service, "queue"), read))

    def live_tasks(self, name: str, text: str, read: Callable[[], Mapping[str, float]]) -> None:
        """As `live`, with a value for each background task of the service, by its name."""
        self._live.register(_LiveByLabel(name, text, (self.service, "task"), read))

    def run_began(self, task: str) -> None:
        """Count a run of a background task that begins."""
        self._task_running.labels(self.service, task).inc()

    def run_ended(self, task: str, seconds: float, *, failed: bool) -> None:
        """Count a run of a background task that ended after so many seconds."""
        self._task_running.labels(self.service, task).dec()
        self._task_runs.labels(self.service, task).inc()
        self._task_failures.labels(self.service, task).inc(int(failed))
        self._task_seconds.labels(self.service, task).inc(seconds)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request and its latency in seconds; unknown methods share one label."""
        method = method if method in METHODS else "other"
        key = route, method, status
        kept = self._children.get(key)
        if kept is None:
            # Looking up a child by its labels costs more than counting; routes, methods and statuses are few.
            counter = self.requests.labels(self.service, route, method, str(status))
            kept = self._children[key] = counter, self.seconds.labels(self.service, route)
        kept[0].inc()
        kept[1].observe(seconds)
        if status >= 500:
            self.errors.labels(self.service, route).inc()

    def limit_refused(self, name: str) -> None:
        """Count a refusal by the limit of that name."""
        self.limit_refusals.labels(name).inc()

    def exposition(self) -> bytes:
        """The metrics of all workers in Prometheus' text format."""
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not directory:
            return generate_latest(self._registry) + generate_latest(self._live)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(self._live)


class _Live(Collector):
    """One gauge that is read at each scrape; all workers of a service read the same value."""

    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self._name, self._text, self._read = name, text, read

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The name alone: registering must not read the value."""
        yield GaugeMetricFamily(self._name, self._text)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The value now."""
        with contextlib.suppress(Exception):
            yield GaugeMetricFamily(self._name, self._text, value=self._read())


class _LiveByLabel(Collector):
    """As `_Live`, with the label `service` and one more, whose values are the keys of what is read."""

    def __init__(
        self, name: str, text: str, service_and_label: tuple[str, str], read: Callable[[], Mapping[str, float]]
    ) -> None:
        self._name, self._text, self._read = name, text, read
        self._service, self._label = service_and_label

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The name alone, as above."""
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The values now."""
        with contextlib.suppress(Exception):
            family = self._family()
            for key, value in self._read().items():
                family.add_metric((self._service, key), value)
            yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(self._name, self._text, labels=("service", self._label))
