"""Prometheus metrics, summed over all workers of a service (`PROMETHEUS_MULTIPROC_DIR`)."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TASK = ("service", "task")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Prometheus waits 10 s for an answer, and then calls the service down: what hangs must not hide what answers.
LIVE_SECONDS = 3.0

Labels = tuple[str, ...]


@dataclass(frozen=True)
class LiveGauge:
    """A gauge whose values are obtained at each scrape: its name, what it tells, and its labels after `service`."""

    name: str
    text: str
    labels: Labels = ()


Values = Mapping[str, Mapping[Labels, float]]
"""Of several live gauges: by the gauge's name, the value for each combination of its labels."""


class Metrics:
    """The metrics of one process of a service. Labels never hold a person's id."""

    def __init__(self, service: str) -> None:
        self._registry = CollectorRegistry()
        self._live = _LiveGauges()
        self.service = service
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._sizes: dict[str, tuple[Counter, Counter]] = {}
        self._request_bytes = self.counter(
            "heartguard_request_bytes", "Bytes of request bodies whose length was declared", ("service", "route")
        )
        self._answer_bytes = self.counter(
            "heartguard_answer_bytes", "Bytes of answers' bodies whose length was declared", ("service", "route")
        )
        self.requests = self.counter(
            "heartguard_requests", "Requests answered", ("service", "route", "method", "status")
        )
        self.errors = self.counter("heartguard_errors", "Requests answered with 5xx", ("service", "route"))
        self._refusals = self.counter("heartguard_refusals", "Requests refused with an error code", ("service", "code"))
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
        self._live.add(_Live((LiveGauge(name, text),), (), lambda: {name: {(): read()}}))

    def live_by(self, gauge: LiveGauge, read: Callable[[], Mapping[str, float]]) -> None:
        """As `live`, with the label `service` and one more, whose values are the keys of what is read."""
        self.live_group((gauge,), lambda: {gauge.name: {(key,): value for key, value in read().items()}})

    def live_group(self, gauges: tuple[LiveGauge, ...], read: Callable[[], Values]) -> None:
        """Gauges that are obtained together, all with the label `service`; those that `read` leaves out are unknown."""
        self._live.add(_Live(gauges, (self.service,), read))

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

    def transferred(self, route: str, request_bytes: int, answer_bytes: int) -> None:
        """Count the bytes of one request's body and of its answer's."""
        kept = self._sizes.get(route)
        if kept is None:
            kept = self._sizes[route] = (
                self._request_bytes.labels(self.service, route),
                self._answer_bytes.labels(self.service, route),
            )
        if request_bytes:
            kept[0].inc(request_bytes)
        if answer_bytes:
            kept[1].inc(answer_bytes)

    def refused(self, code: str) -> None:
        """Count a request that was refused with that error code."""
        self._refusals.labels(self.service, code).inc()

    def limit_refused(self, name: str) -> None:
        """Count a refusal by the limit of that name."""
        self.limit_refusals.labels(name).inc()

    def exposition(self) -> bytes:
        """The metrics of all workers in Prometheus' text format."""
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not directory:
            return generate_latest(self._registry) + self._live.exposition()
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + self._live.exposition()


class _Live(Collector):
    """Gauges that are read at each scrape; every worker of a service reads the same values.

    `first` are the values of the labels that come before those of each gauge.
    """

    def __init__(self, gauges: tuple[LiveGauge, ...], first: Labels, read: Callable[[], Values]) -> None:
        self._gauges, self._first, self._read = gauges, first, read
        self._reading = threading.Lock()
        self._values: Values = {}

    def forget(self) -> None:
        """The values are unknown from now on."""
        self._values = {}

    def update(self) -> None:
        """Read the values, unless another thread still waits for them. Raises what the reading raises."""
        if self._reading.acquire(blocking=False):
            try:
                self._values = self._read()
            finally:
                self._reading.release()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names alone: registering must not read a value."""
        yield from (self._family(gauge) for gauge in self._gauges)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The values that are known."""
        values = self._values
        for gauge in self._gauges:
            if gauge.name in values:
                family = self._family(gauge)
                for labels, value in values[gauge.name].items():
                    family.add_metric((*self._first, *labels), value)
                yield family

    def _family(self, gauge: LiveGauge) -> GaugeMetricFamily:
        labels = ("service", *gauge.labels) if self._first else gauge.labels
        return GaugeMetricFamily(gauge.name, gauge.text, labels=labels)


class _LiveGauges:
    """All live gauges of a process, which are read one after the other in a thread for each scrape."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._all: list[_Live] = []
        self._scraping = threading.Lock()

    def add(self, live: _Live) -> None:
        """Read these too."""
        self._registry.register(live)
        self._all.append(live)

    def exposition(self) -> bytes:
        """Those that can be read within `LIVE_SECONDS`, in Prometheus' text format."""
        with self._scraping:
            for live in self._all:
                live.forget()
            thread = threading.Thread(target=self._update, name="metrics", daemon=True)
            thread.start()
            thread.join(LIVE_SECONDS)
            return generate_latest(self._registry)

    def _update(self) -> None:
        for live in self._all:
            # of any kind: these values are unknown then, and the others are not
            with contextlib.suppress(Exception):
                live.update()
