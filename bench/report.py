"""The output of a benchmark: its tables as Markdown and its bars as SVG, in files with the same name."""

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.gateway import gateways

# Title, unit and bars of each panel, the longest text first at the left.
Panels = Mapping[str, Mapping[str, float]]

_BARS = """
import json, sys
import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot
panels, target = json.load(sys.stdin), sys.argv[1]
figure, axes = pyplot.subplots(1, len(panels), figsize=(5.5 * len(panels), 3.6), squeeze=False)
for axis, (title, bars) in zip(axes[0], panels.items()):
    names = list(bars)[::-1]
    drawn = axis.barh(names, [bars[name] for name in names])
    axis.bar_label(drawn, fmt="{:,.4g}", padding=3)
    axis.margins(x=0.18)
    axis.set_title(title)
figure.tight_layout()
figure.savefig(target, metadata={"Date": None})
"""


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with `--out`, an option of every benchmark."""
    found = argparse.ArgumentParser(
        prog=f"python -m bench.{name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--out", type=Path, default=gateways.STORE, help="where the table and the plot go")
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write(out: Path, name: str, text: str, panels: Panels) -> None:
    """Print the text, and write it and its bars to `name`.md and `name`.svg; panels are title: {bar: length}."""
    print(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    draw(_BARS, panels, out / f"{name}.svg")


def draw(script: str, found: Any, target: Path) -> None:
    """Draw it with a Python that has a plotting library, which the tests' environment may not have."""
    python = sys.executable
    if importlib.util.find_spec("matplotlib") is None:
        gateways.install()
        python = str(gateways.PYTHON)
    subprocess.run([python, "-c", script, str(target)], input=json.dumps(found), text=True, check=True)
