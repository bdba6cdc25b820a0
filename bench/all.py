"""Runs all benchmarks one after the other, and writes one report with a plot for each.

Run from the root: .venv/bin/python -m bench.all [--report var/bench/performance.md] [--only NAME ...]. Takes
about ten minutes, on a machine without other load. Plots are written to a directory with the report's name; `--report
docs/performance.md` writes the committed one. Exits with 1 when a benchmark failed.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import report
from bench.gateway import gateways

ROOT = Path(__file__).resolve().parent.parent

BENCHES = {
    "gateway": "The gateway, all stages on, beside gateways that make the same checks",
    "endpoints": "Whole requests, beside two plain stacks",
    "soak": "Many idle connections and slow uploads",
    "slow_clients": "Clients that are slow on purpose, and what others notice of them",
    "timeseries": "Points in and answers out, beside influxdb-client and PostgreSQL alone",
    "line_protocol": "Line protocol, beside influxdb-client's encoder",
    "media": "Large files, beside nginx and base64 in a document",
    "validation": "Checking and encoding, beside jsonschema and dicttoxml",
    "login": "A login, beside its one hash",
    "audit": "Audit events, beside the same rows without a chain",
    "start": "Start, stop and memory, beside seven empty applications",
}
"""The module of each bench, and its headline."""


@dataclass(frozen=True)
class Run:
    """One run of a benchmark: exit status, duration, and the errors that it printed."""

    name: str
    status: int
    seconds: float
    faults: str

    def section(self, plots: Path) -> str:
        """The section of the report: headline, table, plot and errors. Copies the plot."""
        parts = [f"## {BENCHES[self.name]}", f"`python -m bench.{self.name}`, {self.seconds:.0f} s."]
        table = gateways.STORE / f"{self.name}.md"
        if table.exists():
            shutil.copy(table.with_suffix(".svg"), plots)
            plot = f"{plots.name}/{self.name}.svg"
            parts += [table.read_text(encoding="utf-8").strip(), f"![{BENCHES[self.name]}]({plot})"]
        if self.status or self.faults:
            parts.append(f"It exited with {self.status} and printed:\n\n```text\n{self.faults}\n```")
        return "\n\n".join(parts)


def machine() -> str:
    """A table of the machine and the versions."""
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    rows = [
        ("day", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("revision", revision.stdout.strip() or "not a checkout"),
        ("processor", f"{psutil.cpu_count()} x {_processor()}"),
        ("memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()} ({platform.machine()})"),
        ("Python", platform.python_version()),
        ("load before the first bench", f"{os.getloadavg()[0]:.1f}"),
    ]
    return report.table(("", ""), rows)


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return platform.processor() or platform.machine()
    names = [
        line.partition(":")[2].strip() for line in listing.read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def run(name: str) -> Run:
    """Run a benchmark in a process of its own; its errors are the end of its standard error."""
    began = time.monotonic()
    (gateways.STORE / f"{name}.md").unlink(missing_ok=True)
    command = [sys.executable, "-m", f"bench.{name}"]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    return Run(name, done.returncode, time.monotonic() - began, done.stderr.strip()[-2000:])


def main() -> int:
    """Run the benchmarks and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.all", description=__doc__)
    parser.add_argument("--report", type=Path, default=gateways.STORE / "performance.md")
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=list(BENCHES))
    options = parser.parse_args()
    plots = options.report.with_suffix("")
    plots.mkdir(parents=True, exist_ok=True)
    gateways.install()
    head = machine()
    runs = []
    for place, name in enumerate(options.only, 1):
        print(f"\n== {place}/{len(options.only)} {name}", flush=True)
        runs.append(one := run(name))
        print(f"-- {name}: {'FAILED' if one.status else 'succeeded'} after {one.seconds:.0f} s", flush=True)
    up = "../" * len(options.report.resolve().parent.relative_to(ROOT).parts)
    intro = (
        "Written by `python -m bench.all`. Each table holds its peer from the same run: read the ratios, and\n"
        f"[bench/README.md]({up}bench/README.md) for what is compared and what each step brought."
    )
    parts = ["# Performance", intro, head, *(one.section(plots) for one in runs)]
    options.report.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"\n{options.report}")
    return 1 if any(one.status for one in runs) else 0


if __name__ == "__main__":
    raise SystemExit(main())
