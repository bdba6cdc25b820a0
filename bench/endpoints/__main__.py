"""Routes through the gateway and at their service, beside two plain stacks, with the CPU time of each process.

Run from the root: .venv/bin/python -m bench.endpoints [--seconds 3] [--only NAME ...] [--out DIRECTORY]
Names are beginnings: self, plain, fastapi, write, latest, hour, day, audit, raw, batches. Writes endpoints.md and
endpoints.svg. Exit 1 when a request fails, an audited one has no event, a setting would lose acknowledged data, or an
ended session is accepted for more than a second.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from bench import report
from bench.endpoints import stacks
from bench.endpoints.product import Cpu, Product, Revoked, cpu_of, family
from bench.gateway import gateways, load
from bench.gateway.__main__ import settled
from bench.gateway.gateways import FASTAPI, PLAIN, Running
from bench.soak import megabytes
from bench.timeseries import __main__ as timeseries
from bench.timeseries.load import Measured
from bench.timeseries.queries import DAY, DAY_BEGIN, LATEST, MEANS, RAW, _text
from tests.servers import Valkey
from tests.tokens import bearer, mark_ready

REST_SECONDS = 5
STACKS = {PLAIN: "plain", FASTAPI: "fastapi"}
HOUR = 3600
# Nine digits of nanoseconds make each point of a single-point write a new one.
POINT = (
    '{"measurement":"heart_rate","tags":{"user_id":"1"},"fields":{"bpm":72},"timestamp":"2021-01-01T00:00:00.NUMBERZ"}'
)


@dataclass(frozen=True)
class Ask:
    """A request: its name, what is asked, which service answers it, and the action of its access event.

    `crowds` are the entry points at which many connections at once are measured: a service refuses most of those
    requests that need a slot of a `lane`, and the gateway lets most of them wait.
    """

    name: str
    method: str
    target: str
    service: str
    action: str
    body: str = ""
    numbered: bool = False
    sql: str | None = None
    crowds: Sequence[str] = ("gateway", "service")
    lane: bool = False


@dataclass
class Row:
    """One line of the table: latencies in ms, CPU in microseconds a request."""

    name: str
    way: str
    connections: int
    figures: load.Figures
    cpu: Cpu
    faults: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.figures.answers / self.figures.seconds

    @property
    def total(self) -> float:
        """CPU of all processes, microseconds a request."""
        return sum(self.cpu.values())


def asks(bucket: str) -> list[Ask]:
    """The measured requests."""
    base = {"bucket": bucket, "measurement": "heart_rate", "tags": {"user_id": "1"}}

    def query(seconds: int, **more: str) -> str:
        return json.dumps({**base, "range_start": _text(DAY_BEGIN), "range_stop": _text(DAY_BEGIN + seconds), **more})

    def series(name: str, sql: str | None, body: str, crowds: Sequence[str] = ()) -> Ask:
        return Ask(
            name, "POST", "/timeseries/query", "influx", "timeseries.query", body, sql=sql, crowds=crowds, lane=True
        )

    write = json.dumps({"bucket": bucket, "points": ["POINT"]}).replace('"POINT"', POINT)
    means, through = {"aggregate": "mean", "every": "1m"}, ("gateway",)
    return [
        Ask("self", "GET", "/users/me", "user", "user.read_self"),
        Ask("write of 1 point", "POST", "/timeseries/write", "influx", "timeseries.write", write, numbered=True),
        Ask(
            "latest",
            "POST",
            "/timeseries/latest",
            "influx",
            "timeseries.latest",
            json.dumps(base),
            sql=LATEST,
            crowds=through,
            lane=True,
        ),
        series("hour of means", MEANS, query(HOUR, **means), through),
        series("day of means", MEANS, query(DAY, **means)),
        Ask("audit events", "GET", "/audit/events", "audit", "audit.list", crowds=through, lane=True),
        series("raw day", RAW, query(DAY)),
    ]


class Endpoints:
    """Measures the product."""

    def __init__(self, product: Product, seconds: float, scratch: Path) -> None:
        self._product, self._seconds, self._scratch = product, seconds, scratch
        self._next = 0

    def rows(self, ask: Ask, ways: Sequence[str], connections: Sequence[int]) -> Iterator[Row]:
        """A row for each entry point and number of connections."""
        for way in ways:
            port = self._product.ports["gateway" if way == "gateway" else ask.service]
            self._check(ask, port)
            for number in connections if way in ask.crowds else (1,):
                yield self._row(ask, way, port, number)

    def _call(self, ask: Ask) -> load.Call:
        self._next += 1_000_000
        first = self._next if ask.numbered else None
        return load.Call(ask.method, ask.target, self._product.token, ask.body, first)

    def _check(self, ask: Ask, port: int) -> None:
        """Warm the workers up. Raises RuntimeError where a request fails."""
        figures = load.run_own(port, self._call(ask), 2, 0.7)
        if figures.errors or not figures.answers:
            raise RuntimeError(f"{ask.name}: {figures.errors} of {figures.answers} requests failed")

    def _row(self, ask: Ask, way: str, port: int, connections: int) -> Row:
        product, audited = self._product, way == "gateway"
        events = product.events(ask.action) if audited else 0
        probe = Revoked(product, port, self._seconds / 2) if ask.name == "self" and connections == 32 else None
        call = self._call(ask)
        before = product.cpu()
        if probe:
            probe.start()
        figures = load.run(port, call, connections, self._seconds, self._scratch)
        after = product.cpu()
        extra = 0
        row = Row(ask.name, way, connections, figures, {})
        if probe:
            probe.join()
            extra = probe.answers
            row.faults += _revocation(probe)
        row.cpu = {name: (after[name] - before[name]) / max(figures.answers + extra, 1) * 1e6 for name in after}
        if figures.errors > (figures.answers // 10 if ask.lane else 0):
            row.faults.append(f"{figures.errors} errors")
        if audited:
            more = product.events(ask.action, events + figures.answers + extra) - events - extra - figures.answers
            # wrk ends with one unfinished request in each connection, which has an event but no answer it has counted.
            if not 0 <= more <= figures.dangling:
                row.faults.append(f"{figures.answers} answers, {more:+} events")
        return row

    def sql(self, ask: Ask) -> float:
        """Milliseconds of a query's SQL alone, as the median of seven."""
        start, seconds = DAY_BEGIN, HOUR if ask.name.startswith("hour") else DAY
        range_ns = {"start": start * 10**9, "stop": (start + seconds) * 10**9}
        values = {**self._product.bench.keys(), **range_ns}
        times = []
        connection = self._product.bench.connection
        for _ in range(7):
            began = time.perf_counter()
            with connection, connection.cursor() as cursor:
                cursor.execute(ask.sql, values)
                cursor.fetchall()
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000


def _revocation(probe: Revoked) -> list[str]:
    if probe.seconds is None or probe.seconds > 1:
        return ["an ended session was not refused within 1 s"]
    print(
        f"a session that ended during the load was refused {probe.seconds * 1000:.0f} ms after the answer to its logout"
    )
    return []


def peers(name: str, product: Product, seconds: float, connections: Sequence[int], scratch: Path) -> Iterator[Row]:
    """The rows of a plain stack: its service alone, and behind its gateway."""
    token = bearer(1, "admin", product.bench.member.org_id)["Authorization"]
    call = load.Call("GET", "/users/me", token)
    with ExitStack() as stack:
        valkey = Valkey(scratch, fsync="always")
        valkey.start()
        stack.callback(valkey.stop)
        mark_ready(valkey.url)
        store = stack.enter_context(Redis.from_url(valkey.url))
        service = stack.enter_context(stacks.service(name, product.bench.url, scratch))
        gateway = stack.enter_context(gateways.gateway(name, valkey.url, service.port, scratch))
        roots = {"gateway": gateway.pid, "service": service.pid, "valkey": valkey.pid}
        roots["postgres"] = product.bench.clone.pid("postgres")
        for running, way in ((gateway, name), (service, service.name)):
            load.run_own(running.port, call, 8, 0.7)
            yield from (_peer(running, way, roots, call, number, seconds, store, scratch) for number in connections)


def _peer(
    running: Running,
    way: str,
    roots: dict[str, int],
    call: load.Call,
    connections: int,
    seconds: float,
    store: "Redis[bytes]",
    scratch: Path,
) -> Row:
    settled(store, scratch)
    store.flushdb()
    before = {name: cpu_of(family(pid)) for name, pid in roots.items()}
    figures = load.run(running.port, call, connections, seconds, scratch)
    after = {name: cpu_of(family(pid)) for name, pid in roots.items()}
    cpu = {name: (after[name] - before[name]) / max(figures.answers, 1) * 1e6 for name in roots}
    row = Row("self", way, connections, figures, cpu)
    more = settled(store, scratch) - figures.answers
    if figures.errors or (way in (PLAIN, FASTAPI) and not 0 <= more <= figures.dangling):
        print(f"a peer's fault: {way}, {connections} connections: {figures.errors} errors, {more:+} events")
    return row


def table(rows: Sequence[Row], sql: dict[str, float]) -> str:
    """The table of the requests."""
    head = ("request", "at", "connections", "requests/s", "p50 ms", "p99 ms", "CPU us", "of which", "SQL alone ms")
    lines = []
    for row in rows:
        parts = [f"{name} {value:.0f}" for name, value in sorted(row.cpu.items(), key=lambda it: -it[1]) if value >= 5]
        alone = f"{sql[row.name]:.2f}" if row.name in sql else ""
        f = row.figures
        lines.append(
            (
                *(row.name, row.way, row.connections, f"{row.rate:,.0f}", f"{f.p50:.2f}", f"{f.p99:.2f}"),
                *(f"{row.total:.0f}", ", ".join(parts), alone),
            )
        )
    return report.table(head, lines)


def batches(rows: Sequence[Measured]) -> str:
    """The table of the batches."""
    lines = [
        (row.name, f"{row.rate:,.0f}", f"{row.p50:.1f}", ", ".join(f"{name} {ms:.1f}" for name, ms in row.cpu.items()))
        for row in rows
    ]
    return report.table(("batches of 1,000 points, 8 clients", "points/s", "p50 ms", "CPU ms a batch"), lines)


@dataclass
class Run:
    """Everything that was measured."""

    held: float = 0.0
    rows: list[Row] = field(default_factory=list)
    written: list[Measured] = field(default_factory=list)
    sql: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def measure(options: argparse.Namespace, wanted: Callable[[str], bool]) -> Run:
    """Start the system and measure what is wanted; then the plain stacks, beside it."""
    run = Run()
    with tempfile.TemporaryDirectory() as directory, timeseries.started(options.seconds) as bench:
        time.sleep(REST_SECONDS)
        run.held = megabytes(bench.clone.supervisor_pid())
        product = Product(bench)
        endpoints = Endpoints(product, options.seconds, Path(directory))
        run.faults += [f"{name} is not as delivered" for name in product.durability()]
        forms = ("JSON", "XML", "line protocol") if wanted("batches") else ("JSON",)
        run.written = [bench.write(form, "gateway") for form in forms]
        if bench.count() != bench.sent * 1000:
            run.faults.append(f"{bench.sent} batches were acknowledged, {bench.count()} points are stored")
        bench.first_day()
        bench.vacuum()
        for ask in filter(lambda it: wanted(it.name), asks(bench.member.bucket)):
            run.rows += _printed(endpoints.rows(ask, options.ways, options.connections))
            if ask.sql:
                run.sql[ask.name] = endpoints.sql(ask)
        for name in filter(lambda it: wanted(STACKS[it]), STACKS):
            with tempfile.TemporaryDirectory() as scratch:
                run.rows += _printed(peers(name, product, options.seconds, options.connections, Path(scratch)))
    run.faults += [
        f"{it.name}, {it.way}, {it.connections} connections: {fault}" for it in run.rows for fault in it.faults
    ]
    return run


def main() -> int:
    """Measure, print and write the tables."""
    parser = report.parser("endpoints", __doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--only", nargs="+", help="names, or beginnings of names")
    parser.add_argument("--ways", nargs="+", default=["gateway", "service"], choices=("gateway", "service"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the system is stopped then, too

    def wanted(name: str) -> bool:
        return not options.only or any(name.lower().startswith(it.lower()) for it in options.only)

    if any(wanted(name) for name in STACKS.values()):
        gateways.install()
    run = measure(options, wanted)
    generator = "wrk, 1 thread" if load.WRK else "our own generator"
    text = f"Load: {generator}. Memory of all processes after {REST_SECONDS} s of rest: {run.held:.0f} MB.\n\n"
    text += f"{table(run.rows, run.sql)}\n\n{batches(run.written)}"
    busiest = {f"{it.name}, {it.way}": it.rate for it in run.rows if it.connections == max(options.connections)}
    report.write(options.out, "endpoints", text, {"requests/s": busiest})
    for fault in run.faults:
        print(f"FAULT {fault}", file=sys.stderr)
    return 1 if run.faults else 0


def _printed(rows: Iterator[Row]) -> list[Row]:
    found = []
    for row in rows:
        parts = ", ".join(f"{name} {value:.0f}" for name, value in row.cpu.items() if value >= 5)
        print(
            f"{row.name}, {row.way}, {row.connections}: {row.rate:,.0f}/s, p50 {row.figures.p50:.2f} ms, "
            f"{row.total:.0f} us: {parts}",
            flush=True,
        )
        found.append(row)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
