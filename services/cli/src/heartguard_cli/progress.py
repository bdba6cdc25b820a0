"""What is being done, and how far it is: on a terminal by rich, in a pipe one plain line for each stage."""

import functools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")
WIDTH = 38


@contextmanager
def stage(text: str) -> Iterator[None]:
    """Name what is being done now, and afterwards how long it took."""
    started = time.monotonic()
    line = f"  {text} ".ljust(WIDTH, ".")
    console = _console()
    moving = sys.stdout.isatty() and console.is_terminal
    if not moving:
        # as soon as it begins: somebody may be reading the pipe, or looking for what hangs
        sys.stdout.write(line)
        sys.stdout.flush()
    shown = line if moving else ""
    try:
        with console.status(text) if moving else nullcontext():
            yield
    except BaseException:
        sys.stdout.write(f"{shown} failed\n")
        raise
    sys.stdout.write(f"{shown} {time.monotonic() - started:.1f} s\n")
    sys.stdout.flush()


def bar(items: Sequence[T], text: str) -> Iterator[T]:
    """The items, one by one; on a terminal under a bar with a count and the time that is left."""
    console = _console()
    yield from track(items, text, console=console, disable=not console.is_terminal, transient=True)


@functools.cache
def _console() -> Console:
    """Standard error, so that standard output can go into a file or another program.

    One for all, because a bar may move inside of a stage.
    """
    return Console(stderr=True)
