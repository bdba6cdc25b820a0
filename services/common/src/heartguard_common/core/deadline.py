"""The deadline of a request, which every query of a database respects."""

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
    """Give what happens in the block so many seconds; None changes nothing. Of two bounds the nearer one holds."""
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
    """How many seconds remain; None where nothing is bounded. Raises GEN_422_TIME when none do."""
    bound = _BOUND.get()
    if bound is None:
        return None
    remaining = bound.end - time.monotonic()
    if remaining <= 0:
        raise exceeded()
    return remaining


def exceeded() -> ServiceError:
    """The refusal of what was ended because its time was over."""
    bound = _BOUND.get()
    if bound is None:
        return ServiceError(TOO_LONG)
    return ServiceError(TOO_LONG, f"The request took longer than {bound.seconds:g} s and was ended; ask for less")
