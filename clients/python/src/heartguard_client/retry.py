"""When a request is sent again: after how long, how often, and for how long at most."""

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

REPEATABLE_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """Delays in seconds: exponential from `first` to `longest`, each with full jitter, for `total` seconds in all.

    What the server says in `Retry-After` is waited for in any case, if it ends within `total`.
    """

    total: float = 60.0
    first: float = 0.5
    longest: float = 20.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def delays(self, clock: Callable[[], float] = time.monotonic) -> "Delays":
        """The delays of one request."""
        return Delays(self, clock)


NO_RETRY = RetryPolicy(total=0.0)


class Delays:
    """The delays between the attempts of one request."""

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._ends = clock() + policy.total
        self._next = policy.first

    def after(self, retry_after: float | None) -> float | None:
        """Seconds to wait before the next attempt; None when there is no time left for one."""
        wait = self._next * self._policy.jitter() if retry_after is None else retry_after
        self._next = min(self._next * 2, self._policy.longest)
        return wait if self._clock() + wait < self._ends else None


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """The seconds of `Retry-After` (RFC 9110 section 10.2.3), which is a number or a date; None without a valid one."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now())
