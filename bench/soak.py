"""Many idle connections and many slow uploads at once, which must not affect other clients.

Run from the root: .venv/bin/python -m bench.soak [--idle 5000] [--slow 500] [--seconds 10]. Needs about
2 * (idle + slow) open files. Exit 1 when health takes over 100 ms, another request to the same service over 1 s, an
upload ends otherwise than with 200 or a 503 with Retry-After, or the gateway uses 200 MB. The tests run it with small
numbers.
"""

import argparse
import contextlib
import json
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import psutil

from bench import report as bench_report
from tests.servers import Valkey
from tests.service.gateway.stack import Backend, GunicornProcess, environ, vouch
from tests.tokens import bearer, mark_ready

ROOT = Path(__file__).resolve().parent.parent

UPLOAD = 100_000
HEALTH_SECONDS, OTHERS_SECONDS, MEGABYTES = 0.1, 1.0, 200.0


@dataclass
class Report:
    """The result: seconds of each request of others, the gateway's memory in MB (PSS), and how the uploads ended."""

    health: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    megabytes: float = 0.0
    uploaded: int = 0
    turned_away: int = 0
    idle_alive: int = 0

    def __str__(self) -> str:
        rows = [
            (
                name,
                len(times),
                *(f"{sorted(times)[int(len(times) * part)] * 1000:.1f}" for part in (0.5, 0.99)),
                f"{max(times) * 1000:.1f}",
            )
            for name, times in (("health", self.health), ("others", self.others))
        ]
        ends = (
            f"gateway: {self.megabytes:.0f} MB; {self.idle_alive} idle connections kept; "
            f"uploads: {self.uploaded} done, {self.turned_away} refused with Retry-After"
        )
        table = bench_report.table(("who asks", "requests", "p50 ms", "p99 ms", "longest ms"), rows)
        return "\n\n".join([table, ends, *self.faults])


def soak(gateway: GunicornProcess, idle: int, slow: int, seconds: float) -> Report:
    """Keep `idle` connections open, send `slow` uploads during `seconds`, and measure requests of another client."""
    report = Report()
    links = [_connect(gateway.port) for _ in range(idle)]
    uploads = [_connect(gateway.port) for _ in range(slow)]
    asker = None
    try:
        for link in links[::2]:  # half of them have asked once, half never
            link.sendall(b"GET /gateway/health HTTP/1.1\r\nHost: soak\r\n\r\n")
        for link in links[::2]:
            link.recv(65536)
        _begin(uploads)
        asker = _asker(gateway.port)
        _trickle(uploads, seconds)
        assert gateway.process is not None
        report.megabytes = megabytes(gateway.process.pid)
        _finish(uploads, report)
        report.idle_alive = _alive(links)
    finally:
        if asker is not None:
            heard = json.loads(asker.communicate(timeout=60)[0])
            report.health, report.others = heard["health"], heard["others"]
            report.faults += heard["faults"]
        for link in (*links, *uploads):
            link.close()
    return report


def _asker(port: int) -> "subprocess.Popen[str]":
    """Another client, in a process of its own: a thread would wait for this process's interpreter lock.

    Asks until its standard input ends; has been answered when this returns.
    """
    command = [sys.executable, "-m", "bench.soak", "--ask", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def _begin(uploads: list[socket.socket]) -> None:
    for place, link in enumerate(uploads):
        token = bearer(1000 + place, "user", 3)["Authorization"]
        head = f"POST /timeseries/write HTTP/1.1\r\nHost: soak\r\nAuthorization: {token}\r\n"
        link.sendall(f"{head}Content-Length: {UPLOAD}\r\n\r\n".encode())


def _trickle(uploads: list[socket.socket], seconds: float) -> None:
    """Send all but the last block, evenly distributed over the time."""
    block, steps = b"x" * (UPLOAD // 20), 19
    began = time.monotonic()
    for step in range(steps):
        for link in uploads:
            with contextlib.suppress(OSError):  # already refused; its answer is read at the end
                link.sendall(block)
        time.sleep(max(0.0, began + seconds * (step + 1) / steps - time.monotonic()))


def _finish(uploads: list[socket.socket], report: Report) -> None:
    """Send the last block; returns how each upload ended. A 503 with Retry-After is a permitted end."""
    for link in uploads:
        with contextlib.suppress(OSError):
            link.sendall(b"x" * (UPLOAD // 20))
    for link in uploads:
        try:
            answer = link.recv(65536)
        except OSError as error:
            answer = repr(error).encode()
        if answer.startswith(b"HTTP/1.1 200 "):
            report.uploaded += 1
        elif answer.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: " in answer.lower():
            report.turned_away += 1
        else:
            report.faults.append(f"an upload ended with {answer[:15]!r} and {answer[-160:]!r}")


def _alive(links: list[socket.socket]) -> int:
    """How many connections are still open; those that the other side has closed are readable."""
    with selectors.DefaultSelector() as selector:
        for link in links:
            selector.register(link, selectors.EVENT_READ)
        return len(links) - len(selector.select(0))


def ask_on(port: int) -> str:
    """Send requests in turns until standard input ends; prints the seconds of each and the failures as JSON."""
    me = bearer(12, "user", 3)
    heard: dict[str, list[float]] = {"health": [], "others": []}
    faults: list[str] = []
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while not selector.select(0.02):
            for target, headers, who in (("/gateway/health", {}, "health"), ("/users/me", me, "others")):
                link = HTTPConnection("127.0.0.1", port, timeout=20)
                began = time.perf_counter()
                link.request("GET", target, headers=headers)
                answer = link.getresponse()
                answer.read()
                heard[who].append(time.perf_counter() - began)
                if answer.status != 200:
                    faults.append(f"{target} was answered with {answer.status}")
                link.close()
            if len(heard["others"]) == 1:
                print(flush=True)
    return json.dumps({**heard, "faults": faults})


def megabytes(pid: int) -> float:
    """The memory of a process and its descendants in MB, with shared pages counted once (PSS) where possible."""
    root = psutil.Process(pid)
    infos = [one.memory_full_info() for one in (root, *root.children(recursive=True))]
    return sum(getattr(info, "pss", info.rss) for info in infos) / 1e6


def main() -> int:
    """Run it against a gateway of its own."""
    parser = bench_report.parser("soak", __doc__)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--ask", type=int, metavar="PORT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.ask:
        print(ask_on(args.ask))
        return 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as directory, Backend().running() as backend, Backend(vouch).running() as auth:
        scratch = Path(directory)
        valkey = Valkey(scratch)
        valkey.start()
        try:
            mark_ready(valkey.url)
            settings = environ(valkey.url, backend.url, scratch / "spool", RATE_LIMIT="99999/s", AUTH_URL=auth.url)
            with GunicornProcess(settings, scratch / "log").running() as gateway:
                report = soak(gateway, args.idle, args.slow, args.seconds)
        finally:
            valkey.stop()
    text = f"{args.idle:,} idle connections and {args.slow} uploads of 100 KB, over {args.seconds:g} s.\n\n{report}"
    longest = {"health": max(report.health) * 1000, "others": max(report.others) * 1000}
    bench_report.write(args.out, "soak", text, {"longest answer, ms": longest, "MB": {"gateway": report.megabytes}})
    late = max(report.health) > HEALTH_SECONDS or max(report.others) > OTHERS_SECONDS
    lost = report.faults or report.idle_alive < args.idle
    return 1 if late or lost or report.megabytes > MEGABYTES else 0


if __name__ == "__main__":
    raise SystemExit(main())
