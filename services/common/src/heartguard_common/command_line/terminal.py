"""Tables, counters and JSON on standard output: rich on a terminal, plain lines in a pipe.

rich's console takes 0.05 s of CPU to load, so it is loaded for a terminal alone.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.padding import Padding

GAP = 2
NARROWEST = 24
"""Cells of a terminal in which the last column is still folded; with fewer the terminal breaks the lines."""


def table_text(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 0) -> str:
    """One line for the headings and each row, columns as wide as their widest cell; nothing is cut or folded."""
    widths = _widths(headings, rows)
    lines = (
        "".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        for row in (headings, *rows)
    )
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def show_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0, styles: Mapping[str, str] | None = None
) -> None:
    """Print a table. On a terminal headings are bold, and a cell whose text is in `styles` has that style of rich."""
    if not sys.stdout.isatty():
        click.echo(table_text(headings, rows, indent))
        return
    from rich.console import Console

    *kept, last = _widths(headings, rows)
    console = Console()
    # What is not in the last column is copied by hand, as ids and URLs are, so it stays in one piece.
    console.width = max(console.width, indent + sum(kept) + min(last, NARROWEST))
    console.print(_table(headings, rows, indent, styles or {}))


def show_json(document: object) -> None:
    """Print a document for another program."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@contextmanager
def counter(unit: str) -> Iterator[Callable[[int | None], None]]:
    """A function that shows on standard error how many there are, None for none; it shows nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    text = TextColumn("{task.completed:>12,.0f} " + unit)
    with Progress(SpinnerColumn(), text, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count or 0)


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """The cells of a terminal that each column takes, with the gap behind it."""
    return [max(map(cell_len, column)) + GAP for column in zip(headings, *rows, strict=True)]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: int, styles: Mapping[str, str]) -> "Padding":
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=True, padding=(0, GAP, 0, 0), header_style="bold")
    for name in headings[:-1]:
        table.add_column(Text(name), no_wrap=True)
    table.add_column(Text(headings[-1]), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    return Padding(table, (0, 0, 0, indent), expand=False)
