"""How many expensive requests one process of a service works on at once, and how many of them for one organization.

A process has eight threads (`programs.py`) and six connections to its database (`database.py`). Three requests may
compute, two more wait for that, and two send long streams: seven threads and five connections at most, so that one of
each is always left for requests that cost little. One organization gets no more than `share` of any of these slots.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from heartguard_common.core import deadline
from heartguard_common.core.errors import BUSY, ServiceError
from heartguard_common.core.metrics import Metrics
from heartguard_common.identity.authentication import Principal

WAIT_SECONDS = 2.0
# Every request may wait so long while slots are being given back: a burst of short requests is answered, not refused.
BRIEF_SECONDS = 0.1
# One block of a stream, and all of it. The gateway gives a service 60 s for a block.
BLOCK_SECONDS = 20.0
STREAM_SECONDS = 600.0


@dataclass(frozen=True)
class LaneCapacity:
    """How many requests have a slot in a lane at once and how many wait for one; of each, how many of one owner."""

    slots: int
    share: int
    waiting: int = 0
    waiting_share: int = 0


@dataclass(eq=False)
class _Waiter:
    owner: Hashable
    patient: bool
    admitted: threading.Event = field(default_factory=threading.Event)


class Lane:
    """Slots for expensive requests. Those that wait get one in the order in which they arrived."""

    def __init__(
        self,
        capacity: LaneCapacity,
        *,
        wait_seconds: float = WAIT_SECONDS,
        brief: float = BRIEF_SECONDS,
        on_use: Callable[[int], object] = lambda _: None,
        on_refusal: Callable[[], object] = lambda: None,
    ) -> None:
        """`on_use` gets the number of slots taken (1) or given back (-1)."""
        self._capacity = capacity
        self._wait_seconds = wait_seconds
        self._brief = brief
        self._on_use = on_use
        self._on_refusal = on_refusal
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()
        self._waiters: list[_Waiter] = []
        self._moved = float("-inf")

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiters)

    def enter(self, owner: Hashable) -> "Slot":
        """A slot for a request of `owner`, at once or after a wait. Raises GEN_503_BUSY.

        Those for which `waiting` has room wait for `wait_seconds` seconds, all others for `brief` ones, and only if a
        slot was given back so recently.
        """
        with self._lock:
            if self._free_for(owner):
                return self._take(owner)
            waiter = _Waiter(owner, patient=self._may_wait(owner))
            seconds = self._wait_seconds if waiter.patient else self._briefly()
            if seconds > 0:
                self._waiters.append(waiter)
        if not waiter.admitted.wait(seconds):
            with self._lock:
                if not waiter.admitted.is_set():
                    if waiter in self._waiters:
                        self._waiters.remove(waiter)
                    self._on_refusal()
                    raise ServiceError(BUSY, headers={"Retry-After": "1"})
        return Slot(self, owner)

    def leave(self, owner: Hashable) -> None:
        """Give a slot of `owner` back."""
        with self._lock:
            self._taken[owner] -= 1
            self._taken += Counter()  # forgets owners without a slot
            self._on_use(-1)
            self._moved = time.monotonic()
            for waiter in list(self._waiters):
                if self._free_for(waiter.owner):
                    self._waiters.remove(waiter)
                    self._take(waiter.owner)
                    waiter.admitted.set()

    def _take(self, owner: Hashable) -> "Slot":
        self._taken[owner] += 1
        self._on_use(1)
        return Slot(self, owner)

    def _free_for(self, owner: Hashable) -> bool:
        return self._taken.total() < self._capacity.slots and self._taken[owner] < self._capacity.share

    def _may_wait(self, owner: Hashable) -> bool:
        patient = [waiter for waiter in self._waiters if waiter.patient]
        mine = sum(waiter.owner == owner for waiter in patient)
        return len(patient) < self._capacity.waiting and mine < self._capacity.waiting_share

    def _briefly(self) -> float:
        return self._brief if time.monotonic() - self._moved < self._brief else 0.0


class Slot:
    """A slot in a lane, given back once, at the end of the block or by `leave`."""

    def __init__(self, lane: Lane, owner: Hashable) -> None:
        self._lane: Lane | None = lane
        self._owner = owner

    def leave(self) -> None:
        """Give the slot back; again changes nothing."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.leave(self._owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.leave()


class Stream:
    """The blocks of a long answer, which have a slot until they end or are closed.

    Ends with GEN_422_TIME when a block takes longer than BLOCK_SECONDS, or all of them longer than `seconds`.
    """

    def __init__(self, blocks: Iterable[bytes], slot: Slot, seconds: float = STREAM_SECONDS) -> None:
        self._blocks = iter(blocks)
        self._slot = slot
        self._end = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with deadline.within(min(BLOCK_SECONDS, self._end - time.monotonic())):
                deadline.left()
                return next(self._blocks)
        except BaseException:  # the end of the blocks too
            self.close()
            raise

    def close(self) -> None:
        """Discard what is left; called at the end of the answer."""
        try:
            close = getattr(self._blocks, "close", None)
            if close is not None:
                close()
        finally:
            self._slot.leave()


COMPUTING = LaneCapacity(slots=3, share=2, waiting=2, waiting_share=1)
STREAMING = LaneCapacity(
    slots=2, share=1, waiting=2, waiting_share=1
)  # a request that waits here keeps its slot in `work`


class Lanes:
    """The lanes of one process: `work` for computing an answer, `streams` for sending one that is long."""

    def __init__(self, metrics: Metrics) -> None:
        labels = ("service", "lane")
        self._used = metrics.gauge("heartguard_lane_used", "Expensive requests at work", labels)
        self._refused = metrics.counter("heartguard_lane_refused", "Expensive requests refused for others", labels)
        self.work = self._lane(metrics.service, "work", COMPUTING)
        self.streams = self._lane(metrics.service, "streams", STREAMING)

    @contextmanager
    def computing(self, principal: Principal, seconds: float | None) -> Iterator[None]:
        """A block that has a slot, and so many seconds (None: no bound). Raises GEN_503_BUSY, GEN_422_TIME."""
        with self.work.enter(_owner(principal)), deadline.within(seconds):
            yield

    def sending(self, principal: Principal, blocks: Iterable[bytes]) -> Stream:
        """The blocks of an answer that are made while it is sent. Raises GEN_503_BUSY."""
        seconds = math.inf if principal.kind == "service" else STREAM_SECONDS
        return Stream(blocks, self.streams.enter(_owner(principal)), seconds)

    def _lane(self, service: str, name: str, capacity: LaneCapacity) -> Lane:
        used, refused = self._used.labels(service, name), self._refused.labels(service, name)
        return Lane(capacity, on_use=used.inc, on_refusal=refused.inc)


def _owner(principal: Principal) -> Hashable:
    """The owner of the share that a request counts for: its organization, or the caller where there is none."""
    return principal.actor if principal.org_id is None else principal.org_id
