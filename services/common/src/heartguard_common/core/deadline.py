"""The deadline of a request, which every database query respects."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from heartguard_common.core.errors import TOO_LONG, ServiceError


class _Bound(NamedTuple):
    end: float
    seconds: float


_BOUND: ContextVar[_Bound | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Set a deadline in `seconds` for the block; None sets none. Of two nested deadlines the earlier one applies."""
    outer = _BOUND.get()
    end = float("inf") if seconds is None else time.monotonic() + seconds
    if seconds is None or (outer is not None and outer.end <= end):
        yield
        return
    token = _BOUND.set(_Bound(end, seconds))
    try:
        yield
    finally:
        _BOUND.reset(token)


def left() -> float | None:
    """How many seconds remain; None without a deadline. Raises GEN_422_TIME when it has passed."""
    bound = _BOUND.get()
    if bound is None:
        return None
    remaining = bound.end - time.monotonic()
    if remaining <= 0:
        raise exceeded()
    return remaining


def exceeded() -> ServiceError:
    """The error for work that was ended at its deadline."""
    bound = _BOUND.get()
    if bound is None:
        return ServiceError(TOO_LONG)
    return ServiceError(TOO_LONG, f"The request took longer than {bound.seconds:g} s and was ended; ask for less")
