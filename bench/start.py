"""Time to start, time to stop and memory when idle, compared with seven empty Flask applications.

Those run with the same gunicorn workers and the same PostgreSQL and Valkey. Run from the root:
.venv/bin/python -m bench.start [--rounds 3]. Medians of the rounds; the first start, which creates the database, is a
separate row. Packages are already installed. Memory is the proportional set size of all processes.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from bench import report
from bench.soak import megabytes
from tests.clone import Clone
from tests.servers import Postgres, Valkey, free_port, until

ROOT = Path(__file__).resolve().parent.parent

REST_SECONDS = 5
NOTHING = "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/')\ndef nothing():\n    return {}\n"
WORKERS = (("--worker-class", "gevent", "--workers", "2"), *[("--worker-class", "gthread", "--threads", "8")] * 6)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def product(directory: Path, rounds: int) -> tuple[dict[str, float], float]:
    """Seconds of each command, and the memory in MB when idle."""
    clone = Clone.make(directory)

    def start() -> None:
        up = clone.start()
        if up.returncode:
            raise RuntimeError(up.stdout + up.stderr)

    try:
        first = timed(start)
        time.sleep(REST_SECONDS)
        held = megabytes(clone.supervisor_pid())
        stops, starts = [], []
        for _ in range(rounds):
            stops.append(timed(clone.stop))
            starts.append(timed(start))
    finally:
        clone.stop()
    seconds = {
        "first start, database made": first,
        "start": statistics.median(starts),
        "stop": statistics.median(stops),
    }
    return seconds, held


@contextmanager
def bare(directory: Path) -> Iterator[list[int]]:
    """Start seven empty applications; gives the pids of their masters."""
    (directory / "nothing.py").write_text(NOTHING)
    running: list[tuple[subprocess.Popen[bytes], int]] = []
    try:
        for workers in WORKERS:
            port = free_port()
            command = [sys.executable, "-m", "gunicorn", *workers, "--no-control-socket", "--log-level", "error"]
            command += ["--bind", f"127.0.0.1:{port}", "--chdir", str(directory), "nothing:app"]
            running.append((subprocess.Popen(command), port))
        for process, port in running:
            until(lambda port=port: _answers(port), f"an answer of {process.args!r}")
        yield [process.pid for process, _ in running]
    finally:
        for process, _ in running:
            process.terminate()
        for process, _ in running:
            process.wait(20)


def _answers(port: int) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", "/")
        return link.getresponse().status == 200
    except OSError:
        return False
    finally:
        link.close()


def peer(directory: Path) -> tuple[dict[str, float], float]:
    """The same for the empty applications, with stores that already have their data."""
    postgres, valkey = Postgres(directory, settings=()), Valkey(directory)
    postgres.start()
    postgres.stop()
    with ExitStack() as stack:
        began = time.perf_counter()
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        applications = bare(directory)
        pids = applications.__enter__()
        stack.push(applications)
        started = time.perf_counter() - began
        time.sleep(REST_SECONDS)
        held = sum(megabytes(pid) for pid in (*pids, postgres.pid, valkey.pid))
        began = time.perf_counter()
        stack.close()
        stopped = time.perf_counter() - began
    return {"start": started, "stop": stopped}, held


def measure(rounds: int) -> tuple[tuple[dict[str, float], float], tuple[dict[str, float], float]]:
    """Measure HeartGuard and the empty applications, one after the other, in directories of their own."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        return product(Path(ours), rounds), peer(Path(theirs))


def main() -> None:
    """Measure, print and write the table."""
    parser: argparse.ArgumentParser = report.parser("start", __doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    (ours, held), (theirs, bare_held) = measure(options.rounds)
    rows = [
        (name, f"{seconds:.1f} s", f"{theirs[name]:.1f} s" if name in theirs else "") for name, seconds in ours.items()
    ]
    rows.append((f"memory after {REST_SECONDS} s of rest", f"{held:.0f} MB", f"{bare_held:.0f} MB"))
    text = f"{psutil.cpu_count()} CPUs.\n\n" + report.table(("what", "HeartGuard", "seven empty applications"), rows)
    panels = {
        "seconds until ready": {"HeartGuard": ours["start"], "seven empty applications": theirs["start"]},
        "MB at rest": {"HeartGuard": held, "seven empty applications": bare_held},
    }
    report.write(options.out, "start", text, panels)


if __name__ == "__main__":
    main()
