"""The effect on other clients of clients that are slow on purpose, or send large bodies that are refused.

Run from the root: .venv/bin/python -m bench.slow_clients [--clients 1000] [--seconds 10] [--only KIND ...]. Starts
HeartGuard by its scripts and continuously sends a login, auth's health, a batch of points, a read, an upload and a
download: first alone, then together with `--clients` clients of each kind. Exit 1 when one of these requests fails,
when a median exceeds twice the quiet one and 10 ms, a 99th percentile five times the quiet one and 100 ms, or when
memory, files or connections are not released.
"""

import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import report
from bench.slow_clients.kinds import kinds
from bench.slow_clients.product import MEMORY_LEFT, RELEASED_SECONDS, Product
from tests.clone import Clone

ROOT = Path(__file__).resolve().parents[2]

SETTLED_SECONDS = 3.0  # the arrival of a thousand clients is normal work, and not measured
MOST_STREAMS = 100_000  # with the usual limits nearly all streams of one member are refused
CALLERS = ("login", "health", "batch", "read", "upload", "download")


@dataclass(frozen=True)
class Numbers:
    """The result of one caller: milliseconds, and failures."""

    median: float
    p99: float
    failures: list[str]
    asked: int

    @classmethod
    def of(cls, heard: dict[str, list[Any]]) -> "Numbers":
        """The result from a caller's list."""
        times = sorted(float(it) * 1000 for it in heard["seconds"]) or [0.0]
        return cls(times[len(times) // 2], times[int(len(times) * 0.99)], heard["failures"], len(times))

    def __str__(self) -> str:
        text = f"{self.median:.0f} / {self.p99:.0f}"
        return f"{text}, {len(self.failures)} of {self.asked} failed" if self.failures else text


def broken(quiet: Mapping[str, Numbers], found: Mapping[str, Numbers]) -> list[str]:
    """The callers that were affected too much."""
    wrong = []
    for name, numbers in found.items():
        if numbers.median > max(2 * quiet[name].median, 10):
            wrong.append(f"{name}: median {numbers.median:.0f} ms, {quiet[name].median:.0f} in peace")
        if numbers.p99 > max(5 * quiet[name].p99, 100):
            wrong.append(f"{name}: 99th percentile {numbers.p99:.0f} ms, {quiet[name].p99:.0f} in peace")
        if numbers.failures:
            wrong.append(f"{name}: {len(numbers.failures)} of {numbers.asked} failed ({numbers.failures[0]})")
    return wrong


def main() -> int:
    """Measure, print and write the table."""
    parser = report.parser("slow_clients", __doc__)
    parser.add_argument("--clients", type=int, default=1000, help="of each kind")
    parser.add_argument("--seconds", type=float, default=10, help="measured beside each kind")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="only these kinds")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as directory:
        clone = Clone.make(Path(directory) / "copy")
        try:
            up = clone.start(LIMITS=f"streams={MOST_STREAMS},streams_per_member={MOST_STREAMS}")
            if up.returncode:
                raise RuntimeError(up.stdout + up.stderr)
            return _measure(Product(clone), options)
        finally:
            clone.stop()


def _measure(product: Product, options: Any) -> int:
    def asked() -> dict[str, Numbers]:
        return {name: Numbers.of(heard) for name, heard in product.called(options.seconds).items()}

    product.called(2)  # the first call is slower
    before = product.held()
    rows: list[tuple[object, ...]] = []
    wrong: list[str] = []
    bars: dict[str, float] = {}
    for kind, behaviours in kinds(product.target).items():
        if options.only and kind not in options.only:
            continue
        quiet = asked()  # measured each time, because other load changes
        ends: dict[str, Any] = {}
        with product.attacked(options.clients, behaviours, ends):
            time.sleep(SETTLED_SECONDS)
            found = asked()
            meanwhile = product.held()
        after = product.released(before)
        if not rows:
            rows.append(("nobody", *(quiet[name] for name in CALLERS), before, ""))
            bars["nobody"] = quiet["read"].p99
        rows.append((kind, *(found[name] for name in CALLERS), meanwhile, after))
        print(f"{kind}: {ends}", flush=True)
        bars[kind] = found["read"].p99
        wrong += [f"{kind}: {fault}" for fault in broken(quiet, found)]
        if not after.within(before, MEMORY_LEFT):
            wrong.append(f"{kind}: held before: {before}; {RELEASED_SECONDS:.0f} s afterwards: {after}")
    head = ("slow clients", *(f"{name} ms" for name in CALLERS), "held meanwhile", "afterwards")
    text = f"{options.clients:,} clients of each kind, {options.seconds:g} s each; median / 99th percentile.\n\n"
    text += report.table(head, rows)
    text += "\n\n" + ("\n".join(f"- {fault}" for fault in wrong) if wrong else "All bounds hold.")
    report.write(options.out, "slow_clients", text, {"p99 of a read, ms": bars})
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
