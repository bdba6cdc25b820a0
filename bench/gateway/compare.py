"""Compares the gateway with that of another source tree; both are loaded in turns, so that other load affects both.

Run from the root: git worktree add DIRECTORY REVISION && .venv/bin/python -m bench.gateway.compare DIRECTORY
Prints for each call and number of connections the medians of both, and the medians of the ratios of neighbouring turns.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from bench.gateway import gateways, load
from bench.gateway.__main__ import BODY, spent
from heartguard_common.audit import events
from tests.servers import Valkey
from tests.tokens import bearer, mark_ready

ROOT = Path(__file__).resolve().parents[2]

# Runs in the other tree, with its modules, until its input ends.
_START = """
import sys, tempfile
from pathlib import Path
sys.path[:0] = [".", *map(str, Path().glob("services/*/src"))]
from bench.gateway import gateways
with tempfile.TemporaryDirectory() as scratch:
    with gateways.gateway(gateways.OURS, sys.argv[1], int(sys.argv[2]), Path(scratch)) as running:
        print(running.port, running.pid, flush=True)
        sys.stdin.read()
"""


@dataclass(frozen=True)
class Turn:
    """One second of load: requests per second, and microseconds of CPU per request."""

    rate: float
    cpu: float


@contextmanager
def started(tree: Path, redis_url: str, backend_port: int) -> Iterator[gateways.Running]:
    """The gateway of a source tree, from its start to its end."""
    with gateways.child(tree, _START, redis_url, str(backend_port)) as answer:
        port, pid = map(int, answer.split())
        yield gateways.Running(str(tree), port, pid)


def turn(running: gateways.Running, call: load.Call, connections: int, scratch: Path) -> Turn:
    """Load a gateway for a second. Raises RuntimeError where a request failed."""
    before, _ = spent(running.pid)
    figures = load.run(running.port, call, connections, 1, scratch)
    after, _ = spent(running.pid)
    if figures.errors or not figures.answers:
        raise RuntimeError(f"{running.name}: {figures.errors} errors, {figures.answers} answers")
    return Turn(figures.answers / figures.seconds, (after - before) / figures.answers * 1e6)


def line(call: load.Call, connections: int, ours: list[Turn], theirs: list[Turn]) -> str:
    """One row of the table."""
    rates, cpus = (
        [statistics.median(getattr(it, name) for it in turns) for turns in (theirs, ours)] for name in ("rate", "cpu")
    )
    rate = statistics.median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))
    cpu = statistics.median(one.cpu / other.cpu for one, other in zip(ours, theirs, strict=True))
    return (
        f"| {call.method} | {connections} | {rates[0]:,.0f} | {rates[1]:,.0f} | {rate:.2f} "
        f"| {cpus[0]:.0f} | {cpus[1]:.0f} | {cpu:.2f} |"
    )


def main() -> int:
    """Load both in turns and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway.compare", description=__doc__)
    parser.add_argument("tree", type=Path, help="another checkout of this repository")
    parser.add_argument("--turns", type=int, default=15, help="of a second, for each gateway and cell")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    args = parser.parse_args()
    token = bearer(12, "user", 3)["Authorization"]
    calls = (load.Call("GET", "/users/12", token), load.Call("POST", "/timeseries/write", token, BODY))
    print("| call | connections | requests/s there | here | ratio | CPU µs there | here | ratio |\n" + "|---" * 8 + "|")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        scratch = Path(directory)
        valkey = Valkey(scratch, fsync="always")
        valkey.start()
        stack.callback(valkey.stop)
        port = stack.enter_context(gateways.backend(scratch))
        store = stack.enter_context(Redis.from_url(valkey.url))
        mark_ready(valkey.url)
        theirs, ours = (stack.enter_context(started(tree, valkey.url, port)) for tree in (args.tree, ROOT))
        for call in calls:
            for connections in args.connections:
                found: dict[str, list[Turn]] = {theirs.name: [], ours.name: []}
                for number in range(args.turns + 1):  # the first warms up
                    for running in (theirs, ours) if number % 2 else (ours, theirs):
                        took = turn(running, call, connections, scratch)
                        if number:
                            found[running.name].append(took)
                    store.delete(events.STREAM)
                print(line(call, connections, found[ours.name], found[theirs.name]), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
