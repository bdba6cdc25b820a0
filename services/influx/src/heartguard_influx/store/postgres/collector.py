"""Threads that come with the same work at the same time, of which one does it for all."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Entry(Generic[Item, Result]):
    """What a thread has brought: its item, a lock that is released when it may go on, and the result by then."""

    __slots__ = ("item", "leads", "result", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: Result | None = None
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Collector(Generic[Item, Result]):
    """Hands the items that wait, in the order in which they came, to one of the threads that brought them.

    A thread that comes when no other works begins at once, with its own item: nobody waits for others to come. Those
    that come meanwhile are the next group.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | None]], most: int) -> None:
        """`work` returns a result for each of at most `most` items; what it raises is no result for all of them."""
        self._work = work
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Entry[Item, Result]] = []
        self._working = False

    @property
    def waiting(self) -> int:
        """How many items wait for a thread that works."""
        return len(self._waiting)

    def result(self, item: Item) -> Result | None:
        """The result of an item, None where it has none or the work failed; an error is raised in one thread alone."""
        entry = _Entry[Item, Result](item)
        with self._lock:
            self._waiting.append(entry)
            if not self._working:
                self._working = entry.leads = True
        if not entry.leads:
            entry.turn.acquire()  # released by the thread that has worked
        if entry.leads:
            self._lead()
        return entry.result

    def _lead(self) -> None:
        with self._lock:
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
        try:
            for entry, result in zip(group, self._work([entry.item for entry in group]), strict=True):
                entry.result = result
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._working = following is not None
            if following is not None:
                following.leads = True
                following.turn.release()
            for entry in group[1:]:
                entry.turn.release()
