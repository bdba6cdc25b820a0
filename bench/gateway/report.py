"""The table and the plot of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.gateway.load import Figures

_PLOT = """
import json, sys
import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot
rows, target = json.load(sys.stdin), sys.argv[1]
names = list(dict.fromkeys(row["name"] for row in rows))
counts = sorted({row["connections"] for row in rows})
figure, axes = pyplot.subplots(1, 2, figsize=(11, 4), sharey=True)
for axis, method in zip(axes, ("GET", "POST")):
    for place, name in enumerate(names):
        found = {row["connections"]: row["rate"] for row in rows if (row["name"], row["method"]) == (name, method)}
        spots = [at + place * 0.8 / len(names) for at in range(len(counts))]
        axis.bar(spots, [found.get(count, 0) for count in counts], 0.8 / len(names), label=name)
    axis.set_xticks([at + 0.3 for at in range(len(counts))], [f"{count} connections" for count in counts])
    axis.set_title(method)
axes[0].set_ylabel("requests/s")
axes[0].legend(frameon=False)
figure.tight_layout()
figure.savefig(target, metadata={"Date": None})
"""


@dataclass(frozen=True)
class Cell:
    """One gateway under one load: CPU in microseconds per answer, memory in MB."""

    name: str
    method: str
    connections: int
    figures: Figures
    cpu: float
    memory: float
    events: int
    revoked_after: float | None = None
    unequal: int = 0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.figures.answers / self.figures.seconds


def table(cells: Sequence[Cell]) -> str:
    """Markdown, one row for each cell."""
    lines = [
        "| gateway | request | connections | requests/s | p50 ms | p90 ms | p99 ms | CPU us | MB | errors |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells:
        found = cell.figures
        lines.append(
            f"| {cell.name} | {cell.method} | {cell.connections} | {cell.rate:,.0f} | {found.p50:.2f} | "
            f"{found.p90:.2f} | {found.p99:.2f} | {cell.cpu:.0f} | {cell.memory:.0f} | {found.errors} |"
        )
    return "\n".join(lines)


def plot(cells: Sequence[Cell], target: Path) -> None:
    """An SVG of requests per second."""
    rows = [{"name": c.name, "method": c.method, "connections": c.connections, "rate": c.rate} for c in cells]
    report.draw(_PLOT, rows, target)
