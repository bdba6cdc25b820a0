"""What the person who typed the command sees: one line for each stage."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 38


@contextmanager
def stage(text: str) -> Iterator[None]:
    """Name what is being done now, and afterwards how long it took."""
    started = time.monotonic()
    sys.stdout.write(f"  {text} ".ljust(WIDTH, "."))
    sys.stdout.flush()
    try:
        yield
    except BaseException:
        sys.stdout.write(" failed\n")
        raise
    sys.stdout.write(f" {time.monotonic() - started:.1f} s\n")
    sys.stdout.flush()
