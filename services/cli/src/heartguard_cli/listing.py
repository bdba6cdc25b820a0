"""What the commands that read from the API print: tables, names with values, and times."""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import click

from heartguard_cli.operator_api import OperatorApi, Query
from heartguard_common.command_line.terminal import show_json, show_table

Cell: TypeAlias = Callable[[Any], str]
Columns: TypeAlias = Mapping[str, Cell]
"""The headings of a table, and what stands below each for an item of a list."""
STYLES = {
    "active": "green",
    "locked": "red",
    "login locked": "yellow",
    "failed": "red",
    "dead": "red",
    "retrying": "yellow",
}


def show(items: Sequence[Any], columns: Columns, *, as_json: bool, nothing: str) -> None:
    """Print items as a table or as a JSON array; `nothing` is the sentence for none, on standard error."""
    if as_json:
        show_json(items)
    elif items:
        show_table(list(columns), [[cell(it) for cell in columns.values()] for it in items], styles=STYLES)
    else:
        click.echo(f"heartguard: {nothing}", err=True)


def some(api: OperatorApi, path: str, query: Query, most: int) -> list[Any]:
    """At most `most` items of a list; that there are more is said on standard error."""
    found = list(islice(api.items(path, query, most + 1), most + 1))
    if len(found) > most:
        click.echo(f"heartguard: the first {most} are shown, and there are more: --limit shows them", err=True)
    return found[:most]


def show_values(values: Mapping[str, str]) -> None:
    """Print names with their values, one a line."""
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"{name:<{width}}  {value}")


def moment(text: str | None) -> str:
    """An RFC 3339 time in UTC, to the second; `-` for none."""
    return "-" if text is None else text.partition(".")[0].removesuffix("Z") + "Z"


def confirmed(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `yes`. Raises `click.UsageError` where nobody can answer, and `click.Abort`."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this can't be undone: --yes says that it is meant")
    click.confirm(question, abort=True, err=True)
