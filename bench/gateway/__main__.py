"""The gateway with all stages on, compared with peers that make the same checks with the same backend and Valkey.

Run from the root: .venv/bin/python -m bench.gateway [--seconds 3] [--only NAME ...] [--out DIRECTORY]
Writes gateway.md and gateway.svg. Exit 1 when HeartGuard's gateway lacks an event, fails a request, or accepts a
revoked token; such failures of a peer are only printed.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import jwt
import psutil
from redis import Redis

from bench.gateway import gateways, load, report
from heartguard_common.audit import events as audit_events
from heartguard_common.identity.revocation import key
from tests.servers import Valkey
from tests.tokens import bearer, mark_ready

ROOT = Path(__file__).resolve().parents[2]

BODY = '{"bucket":"bench","points":["' + "x" * 2000 + '"]}'


class Revoked(threading.Thread):
    """Sends requests with its own token, revokes it during the load, and measures the time to the first refusal."""

    def __init__(self, port: int, store: "Redis[bytes]", after: float) -> None:
        super().__init__()
        self._port, self._store, self._after = port, store, after
        self.answers = 0
        self.seconds: float | None = None

    def run(self) -> None:
        """Send requests until one is refused, or until two seconds after the revocation."""
        header = bearer(12, "user", 3)
        jti = jwt.decode(header["Authorization"][7:], options={"verify_signature": False})["jti"]
        link = HTTPConnection("127.0.0.1", self._port, timeout=20)
        began, revoked = time.monotonic(), 0.0
        while not revoked or time.monotonic() - revoked < 2:
            if not revoked and time.monotonic() - began > self._after:
                self._store.set(key("jti", jti), "1", ex=60)
                revoked = time.monotonic()
            link.request("GET", "/users/12", headers=header)
            answer = link.getresponse()
            answer.read()
            self.answers += 1
            if answer.status == 401:
                self.seconds = time.monotonic() - revoked
                break
            time.sleep(0.01)
        link.close()


def spent(pid: int) -> tuple[float, float]:
    """CPU seconds and resident MB of a process and its descendants (PSS where available)."""
    root = psutil.Process(pid)
    cpu = memory = 0.0
    for one in (root, *root.children(recursive=True)):
        times = one.cpu_times()
        cpu += times.user + times.system
        info = one.memory_full_info()
        memory += getattr(info, "pss", info.rss) / 1e6
    return cpu, memory


def settled(store: "Redis[bytes]", scratch: Path) -> int:
    """How many different events the stream has, after no more have arrived for a while and the spool is empty.

    Different ones: an event that Redis took without saying so in time is sent again, and its id removes the double.
    """
    length = -1
    while length != (length := int(store.xlen(audit_events.STREAM))) or any(
        path.stat().st_size for path in scratch.glob("spool/*") if path.suffix != ".lock"
    ):
        time.sleep(0.3)
    ids: set[str] = set()
    after = b"-"
    while entries := store.xrange(audit_events.STREAM, after, count=10_000):
        ids.update(json.loads(fields[audit_events.FIELD.encode()])["id"] for _, fields in entries)
        after = b"(" + entries[-1][0]
    return len(ids)


def counted_by_itself(running: gateways.Running) -> int | None:
    """The gateway's own counter of answered requests to services; None for peers, which have none."""
    if running.name != gateways.OURS:
        return None
    link = HTTPConnection("127.0.0.1", running.port, timeout=20)
    link.request("GET", "/gateway/metrics")
    text = link.getresponse().read().decode()
    link.close()
    lines = [line for line in text.splitlines() if line.startswith("heartguard_requests_total{")]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if 'route="gateway.' not in line)


def measure(
    running: gateways.Running, store: "Redis[bytes]", call: load.Call, connections: int, seconds: float, scratch: Path
) -> report.Cell:
    """Measure one cell of the table."""
    load.run_own(running.port, call, connections, 1)  # warms up, and leaves no request unfinished
    settled(store, scratch)
    store.delete(audit_events.STREAM)
    said = counted_by_itself(running)
    before, _ = spent(running.pid)
    probe = Revoked(running.port, store, seconds / 2) if (call.method, connections) == ("GET", 32) else None
    if probe:
        probe.start()
    figures = load.run(running.port, call, connections, seconds, scratch)
    after, memory = spent(running.pid)
    extra = 0
    if probe:
        probe.join()
        extra = probe.answers
    events = settled(store, scratch) - extra
    # The generator in Python interrupts no request, so after it both counts must be equal.
    counted = load.run_own(running.port, call, min(connections, 8), 0.2)
    all_events = settled(store, scratch)
    unequal = all_events - extra - events - counted.answers
    if said is not None:
        unequal = unequal or all_events - ((counted_by_itself(running) or 0) - said)
    cpu = (after - before) / max(figures.answers + extra, 1) * 1e6
    return report.Cell(
        running.name, call.method, connections, figures, cpu, memory, events, probe.seconds if probe else None, unequal
    )


def faults(cell: report.Cell) -> list[str]:
    """The checks that failed in this cell."""
    where = f"{cell.name}, {cell.method}, {cell.connections} connections"
    found = []
    # wrk ends with one unfinished request in each connection, which has an event but no answer that wrk has counted.
    if not 0 <= cell.events - cell.figures.answers <= cell.figures.dangling:
        found.append(f"{where}: {cell.figures.answers} answers, {cell.events} events")
    if cell.unequal:
        found.append(f"{where}: events less answers, where no request was cut off, are {cell.unequal}")
    if cell.figures.errors:
        found.append(f"{where}: {cell.figures.errors} errors")
    if (cell.method, cell.connections) == ("GET", 32):
        if cell.revoked_after is None or cell.revoked_after > 1:
            found.append(f"{where}: a revoked token was not refused within 1 s")
        else:
            print(f"{where}: a token revoked meanwhile was refused after {cell.revoked_after * 1000:.0f} ms")
    return found


def main() -> int:
    """Run all cells, print and write the table and the plot."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--only", nargs="+", help="names, or beginnings of names")
    parser.add_argument("--out", type=Path, default=gateways.STORE)
    args = parser.parse_args()
    names = [n for n in gateways.install() if not args.only or any(n.lower().startswith(o.lower()) for o in args.only)]
    token = bearer(12, "user", 3)["Authorization"]
    calls = (load.Call("GET", "/users/12", token), load.Call("POST", "/timeseries/write", token, BODY))
    cells: list[report.Cell] = []
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        valkey = Valkey(scratch, fsync="always")
        valkey.start()
        try:
            with gateways.backend(scratch) as port, Redis.from_url(valkey.url) as store:
                mark_ready(valkey.url)
                for name in names:
                    with gateways.gateway(name, valkey.url, port, scratch) as running:
                        for call in calls:
                            cells += [
                                measure(running, store, call, connections, args.seconds, scratch)
                                for connections in args.connections
                            ]
                alone = load.run(port, calls[0], 1, 1, scratch)
        finally:
            valkey.stop()
    found = [(cell.name, fault) for cell in cells for fault in faults(cell)]
    text = (
        f"Load: {'wrk, 1 thread' if load.WRK else 'our own generator'}; {psutil.cpu_count()} CPUs; "
        f"backend alone at 1 connection: p50 {alone.p50:.2f} ms.\n\n{report.table(cells)}\n"
    )
    print(text)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "gateway.md").write_text(text, encoding="utf-8")
    report.plot(cells, args.out / "gateway.svg")
    for name, fault in found:
        print(f"FAULT {fault}" if name == gateways.OURS else f"a peer's fault: {fault}", file=sys.stderr)
    return 1 if any(name == gateways.OURS for name, _ in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
