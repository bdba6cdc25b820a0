"""How many requests of a kind one service may answer at once, and how many of them of one client."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from gevent.lock import BoundedSemaphore


class Lane:
    """A lane of `size` slots, at most `share` of them for one holder.

    A holder is an organization, a service, or the address of an anonymous client. Each worker has lanes of its own.
    """

    def __init__(self, size: int, share: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.size = size
        self.share = share
        self._monotonic = monotonic
        self._all = BoundedSemaphore(size)
        self._shares: dict[str, Any] = {}
        self._users: Counter[str] = Counter()

    @property
    def busy(self) -> int:
        """Slots that are taken."""
        return self.size - int(self._all.counter)

    def enter(self, holder: str, timeout: float) -> bool:
        """Take a slot, waiting at most `timeout` seconds; False when the holder's share or all slots stay taken.

        Waiting for one holder's share delays no other holder. Each True needs one `leave`.
        """
        deadline = self._monotonic() + timeout
        own = self._shares.setdefault(holder, BoundedSemaphore(self.share))
        self._users[holder] += 1
        entered = False
        try:
            if own.acquire(timeout=timeout):
                try:
                    entered = bool(self._all.acquire(timeout=max(deadline - self._monotonic(), 0)))
                finally:
                    if not entered:
                        own.release()
        finally:
            if not entered:
                self._forget(holder)
        return entered

    def leave(self, holder: str) -> None:
        """Give a slot back."""
        self._all.release()
        self._shares[holder].release()
        self._forget(holder)

    def _forget(self, holder: str) -> None:
        self._users[holder] -= 1
        if not self._users[holder]:
            del self._users[holder], self._shares[holder]
