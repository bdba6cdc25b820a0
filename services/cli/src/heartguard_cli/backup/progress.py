"""A progress bar on standard error, only when that is a terminal."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def bar(items: Sequence[T], text: str) -> Iterator[T]:
    """The items, one by one, under a bar with a count and the time that is left."""
    console = Console(stderr=True)
    yield from track(items, text, console=console, disable=not console.is_terminal, transient=True)
