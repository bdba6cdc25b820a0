"""Compares a service with that of another source tree: both run at once in one system and are loaded in turns.

Run from the root: git worktree add DIRECTORY REVISION && .venv/bin/python -m bench.endpoints.compare DIRECTORY
    [--only write latest] [--connections 1 8] [--turns 6]
Prints medians for both: CPU of the service and of PostgreSQL in microseconds a request, requests a second, p50. The
services of both trees must accept one database and one set of settings.
"""

import argparse
import socket
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.endpoints.__main__ import Ask, asks
from bench.endpoints.product import Product, cpu_of, family
from bench.gateway import load
from bench.timeseries import __main__ as timeseries
from heartguard_cli import launch
from tests.servers import free_port, until

ASIDE = 1_000_000  # numbers of points that a turn can use


@contextmanager
def other_service(product: Product, name: str, tree: Path, scratch: Path) -> Iterator[tuple[int, int]]:
    """Start the service as the system has started its own, from another tree; its port and process id."""
    clone = product.bench.clone
    spec, port = launch.read(clone.root / "var" / "run" / "specs" / f"{name}.json"), free_port()

    def moved(text: str) -> str:
        return text if str(clone.root / "var") in text else text.replace(str(clone.root), str(tree))

    command = [moved(word).replace(f":{product.ports[name]}", f":{port}") for word in spec["command"]]
    metrics = scratch / "metrics"
    metrics.mkdir()
    env = {key: moved(value) for key, value in spec["environment"].items()} | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    directory = moved(spec["directory"])
    with (scratch / "other.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=directory, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: _listens(port), "the other service")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Turns:
    """Loads the services in turns."""

    def __init__(self, product: Product, services: Mapping[str, tuple[int, int]], scratch: Path) -> None:
        """`services` are port and process id by name."""
        self._product, self._services, self._scratch = product, services, scratch
        self._postgres = product.bench.clone.pid("postgres")
        self._next = 0

    def medians(self, ask: Ask, connections: int, turns: int) -> Mapping[str, tuple[float, ...]]:
        """For each service CPU of it and of PostgreSQL, requests a second, p50; the first turn warms them up."""
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name in self._services}
        for turn in range(turns + 1):
            for name in list(self._services)[:: 1 if turn % 2 else -1]:
                row = self._turn(ask, connections, *self._services[name])
                if turn:
                    found[name].append(row)
        return {name: tuple(map(statistics.median, zip(*rows, strict=True))) for name, rows in found.items()}

    def _turn(self, ask: Ask, connections: int, port: int, pid: int) -> tuple[float, ...]:
        self._next += ASIDE
        first = self._next if ask.numbered else None
        call = load.Call(ask.method, ask.target, self._product.token, ask.body, first)
        before = cpu_of(family(pid)), cpu_of(family(self._postgres))
        figures = load.run(port, call, connections, 1, self._scratch)
        after = cpu_of(family(pid)), cpu_of(family(self._postgres))
        service, postgres = ((b - a) / max(figures.answers, 1) * 1e6 for a, b in zip(before, after, strict=True))
        return service, postgres, figures.answers / figures.seconds, figures.p50


def main() -> int:
    """Start the system and the other service, load both, print the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.endpoints.compare", description=__doc__)
    parser.add_argument("tree", type=Path, help="another checkout of this repository")
    parser.add_argument("--only", nargs="+", default=["write", "latest", "hour"], help="beginnings of names")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--turns", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, timeseries.started(1) as bench:
        bench.write("JSON", "gateway")
        bench.first_day()
        bench.vacuum()
        product = Product(bench)
        wanted = [it for it in asks(bench.member.bucket) if it.name.lower().startswith(tuple(options.only))]
        for name in dict.fromkeys(it.service for it in wanted):
            directory = Path(scratch) / name
            directory.mkdir()
            with other_service(product, name, options.tree.resolve(), directory) as other:
                services = {"other tree": other, "this tree": (product.ports[name], bench.clone.pid(name))}
                turns = Turns(product, services, directory)
                for ask in (it for it in wanted if it.service == name):
                    for connections in options.connections:
                        _print(ask, connections, turns.medians(ask, connections, options.turns))
    return 0


def _print(ask: Ask, connections: int, medians: Mapping[str, tuple[float, ...]]) -> None:
    for name, (service, postgres, rate, p50) in medians.items():
        print(
            f"{ask.name}, {connections} connections, {name}: service {service:.0f} us, PostgreSQL {postgres:.0f} us, "
            f"{rate:,.0f}/s, p50 {p50:.2f} ms",
            flush=True,
        )


if __name__ == "__main__":
    raise SystemExit(main())
