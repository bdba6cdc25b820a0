"""Markdown tables and an SVG of one run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import report
from bench.timeseries.load import Measured
from bench.timeseries.queries import Answered

_PLOT = """
import json, sys
import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot
found, target = json.load(sys.stdin), sys.argv[1]
figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(16, 4.5))
names = [name for name, _ in found["rates"]][::-1]
left.barh(names, [rate for _, rate in found["rates"]][::-1])
left.set_title("points/s, 1,000 a batch, 8 clients")
sizes = sorted({size for _, size, _, _ in found["queries"]})
for number, name in enumerate(dict.fromkeys(row[0] for row in found["queries"])):
    rows = {size: (ours, store) for asked, size, ours, store in found["queries"] if asked == name}
    middle.plot(sizes, [rows[size][0] for size in sizes], "o-", color=f"C{number}", label=name)
    middle.plot(sizes, [rows[size][1] for size in sizes], "x--", color=f"C{number}", label=f"{name}: SQL alone")
middle.set_xscale("log"), middle.set_yscale("log")
middle.set_title("ms a query, by points stored")
middle.legend(frameon=False, fontsize=7)
right.plot([size for size, _ in found["growth"]], [rate for _, rate in found["growth"]], "o-")
right.set_xscale("log"), right.set_ylim(bottom=0)
right.set_title("JSON points/s through the gateway, by points stored")
figure.tight_layout()
figure.savefig(target, metadata={"Date": None})
"""


def writing(rows: Sequence[Measured]) -> str:
    """A row for each way of writing."""
    lines = [
        "| written by | points/s | p50 ms | p99 ms | CPU ms a batch | MB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cpu = ", ".join(f"{name} {value:.1f}" for name, value in row.cpu.items())
        memory = ", ".join(f"{name} {value:.0f}" for name, value in row.memory.items())
        lines.append(f"| {row.name} | {row.rate:,.0f} | {row.p50:.1f} | {row.p99:.1f} | {cpu} | {memory} |")
    return "\n".join(lines)


def querying(answers: Sequence[Answered]) -> str:
    """A row for each query and size."""
    lines = [
        "| question | points stored | rows | service ms | SQL alone ms | added ms |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {it.name} | {it.size:,} | {it.rows:,} | {it.service:.1f} | {it.store:.1f} | {it.service - it.store:.1f} |"
        for it in answers
    ]
    return "\n".join(lines)


def growing(growth: Mapping[int, Measured]) -> str:
    """Points per second as JSON through the gateway, by the size of the table."""
    lines = ["| points stored | JSON points/s through the gateway |", "|---|---|"]
    return "\n".join([*lines, *(f"| {size:,} | {row.rate:,.0f} |" for size, row in growth.items())])


def plot(rows: Sequence[Measured], answers: Sequence[Answered], growth: Mapping[int, Measured], target: Path) -> None:
    """An SVG of all of it."""
    found = {
        "rates": [(row.name, row.rate) for row in rows],
        "queries": [(it.name, it.size, it.service, it.store) for it in answers],
        "growth": [(size, row.rate) for size, row in growth.items()],
    }
    report.draw(_PLOT, found, target)
