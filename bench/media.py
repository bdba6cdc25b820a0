"""Large files through the gateway, compared with nginx serving the same file and with base64 in JSON.

Run it from the root: python -m bench.media [--mebibytes 64]. Each row: MB/s of payload as the client sees it (best
of three), CPU seconds that each program spends on 100 MB, and its largest memory (PSS of all its processes).
nginx is included if it is installed. About a minute.
"""

import base64
import http.client
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import report
from tests.media_stack import (
    MEBIBYTE,
    Stack,
    blocks_of,
    content,
    peak_of,
    pids_of,
    running,
    target_of,
)
from tests.servers import Postgres, Valkey, free_port, until

ROOT = Path(__file__).resolve().parent.parent

ROUNDS = 3
DOCUMENT_MIB = 5


@dataclass
class Measured:
    """One way of moving bytes."""

    name: str
    speed: float
    cpu: dict[str, float]
    memory: dict[str, int]


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and its children until now."""
    total = 0.0
    for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def measure(name: str, pids: dict[str, int], mebibytes: int, work: Callable[[], object]) -> Measured:
    """Run it several times; returns the best time, and memory and CPU of all runs."""
    best = float("inf")

    def rounds() -> None:
        nonlocal best
        for _ in range(ROUNDS):
            began = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - began)

    before = {who: cpu_of(pid) for who, pid in pids.items()}
    _, peaks = peak_of(pids, rounds, every=0.2)
    hundreds = ROUNDS * mebibytes * MEBIBYTE / 1e8
    cpu = {who: (cpu_of(pid) - before[who]) / hundreds for who, pid in pids.items()}
    return Measured(name, mebibytes * MEBIBYTE / 1e6 / best, cpu, {who: peak.together for who, peak in peaks.items()})


def drained(answer: http.client.HTTPResponse) -> int:
    """Read an answer to its end; returns the number of bytes."""
    if answer.status >= 300:
        raise RuntimeError(answer.read().decode())
    return sum(map(len, blocks_of(answer)))


def direct(port: int, method: str, target: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
    """A request directly to the service."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, target, body, {**headers, "Connection": "close"})
    return connection.getresponse()


def stack_rows(stack: Stack, size: int, data: Path) -> Iterator[Measured]:
    """Up and down, with and without the gateway, and in a document."""
    pids = pids_of(stack)
    length = {"Content-Length": str(size * MEBIBYTE), "Content-Type": "application/octet-stream"}
    upload = "/media/upload?file_name=bench.bin"

    def put(port: int) -> dict[str, object]:
        with data.open("rb") as body:
            answer = direct(port, "PUT", upload, body, **stack.who, **length)
            return dict(json.loads(answer.read()))

    yield measure("PUT through the gateway", pids, size, lambda: put(stack.gateway.port))
    yield measure("PUT at media itself", pids, size, lambda: put(stack.media.port))
    item = put(stack.gateway.port)["id"]
    found = stack.request("GET", f"/media/items/{item}/download", **stack.who)
    url = target_of(json.loads(found.read())["url"])
    yield measure("GET through the gateway", pids, size, lambda: drained(stack.request("GET", url)))
    yield measure("GET at media itself", pids, size, lambda: drained(direct(stack.media.port, "GET", url)))
    encoded = base64.b64encode(b"".join(content(DOCUMENT_MIB))).decode()
    document = {"file_name": "a", "content_type": "application/octet-stream", "data_base64": encoded}
    body = json.dumps(document).encode()
    headers = {**stack.who, "Content-Type": "application/json"}
    times = max(1, size // DOCUMENT_MIB)

    def documents() -> None:
        for _ in range(times):
            drained(stack.request("POST", "/media/upload", body, **headers))

    yield measure(f"base64 in JSON, {times} x {DOCUMENT_MIB} MiB", pids, times * DOCUMENT_MIB, documents)


@contextmanager
def nginx(program: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Nginx with one worker, serving a directory: its port and its pid."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root;"
        "events {} http { access_log off; sendfile on; "
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
    )
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        until((folder / "nginx.pid").exists, "start of nginx")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    """Measure, print and write the table."""
    parser = report.parser("media", __doc__)
    parser.add_argument("--mebibytes", type=int, default=64)
    options = parser.parse_args()
    size = options.mebibytes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "bench.bin"
        with data.open("wb") as stream:
            stream.writelines(content(size))
        rows = []
        if program := shutil.which("nginx"):
            with nginx(program, folder) as (port, pid):
                work = lambda: drained(direct(port, "GET", "/bench.bin"))  # noqa: E731
                rows.append(measure("GET from nginx", {"nginx": pid}, size, work))
        postgres, valkey = Postgres(folder), Valkey(folder)
        postgres.start()
        valkey.start()
        try:
            with postgres.database() as database, running(database, valkey.url, folder, max(size, 50)) as stack:
                rows += stack_rows(stack, size, data)
        finally:
            valkey.stop()
            postgres.stop()
    listed = [
        (
            row.name,
            f"{row.speed:,.0f}",
            ", ".join(f"{who} {seconds:.2f}" for who, seconds in row.cpu.items()),
            ", ".join(f"{who} {peak / 1e6:.0f}" for who, peak in row.memory.items()),
        )
        for row in rows
    ]
    text = f"{size} MiB.\n\n" + report.table(("way", "MB/s", "CPU s per 100 MB", "largest MB"), listed)
    spent = {row.name: sum(row.cpu.values()) for row in rows}
    panels = {"MB/s": {row.name: row.speed for row in rows}, "CPU s per 100 MB": spent}
    report.write(options.out, "media", text, panels)


if __name__ == "__main__":
    main()
