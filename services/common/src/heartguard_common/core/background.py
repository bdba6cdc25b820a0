"""Background threads: each runs one function again and again until it is closed."""

import logging
import threading
from collections.abc import Callable

LONGEST_REST_SECONDS = 60.0
_log = logging.getLogger("heartguard")


class Background:
    """Runs `work` in a thread of its own; `work` answers how many seconds to rest before the next run.

    What `work` raises is logged, and the rest doubles from one second to a minute while it keeps raising.
    `wake` ends a rest early.
    """

    def __init__(self, name: str, work: Callable[[], float]) -> None:
        self._work = work
        self._closing = False
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> "Background":
        """Begin; returns itself."""
        self._thread.start()
        return self

    def wake(self) -> None:
        """There is something to do: don't rest on."""
        self._awake.set()

    def ping(self) -> None:
        """Raises RuntimeError when the thread has ended."""
        if not self._thread.is_alive():
            raise RuntimeError(f"the thread {self._thread.name} has ended")

    def close(self) -> None:
        """End after the current run; waits for it five seconds at most."""
        self._closing = True
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        failures = 0
        while not self._closing:
            try:
                rest = self._work()
                failures = 0
            except Exception:  # noqa: BLE001  whatever it is, the thread must live to try again
                rest = min(2.0**failures, LONGEST_REST_SECONDS)
                failures += 1
                _log.exception("%s failed, next run in %s s", self._thread.name, rest)
            if self._awake.wait(rest):
                self._awake.clear()


class Lanes:
    """As `Background`, in several threads that do the same work: an item that takes long delays no other.

    `work` has to be fit for that.
    """

    def __init__(self, name: str, work: Callable[[], float], count: int = 2) -> None:
        self._lanes = [Background(f"{name} {number}", work) for number in range(1, count + 1)]

    def start(self) -> "Lanes":
        """Begin; returns itself."""
        for lane in self._lanes:
            lane.start()
        return self

    def wake(self) -> None:
        """There is something to do: don't rest on."""
        for lane in self._lanes:
            lane.wake()

    def ping(self) -> None:
        """Raises RuntimeError when a thread has ended."""
        for lane in self._lanes:
            lane.ping()

    def close(self) -> None:
        """End each after the current run; waits for each five seconds at most."""
        for lane in self._lanes:
            lane.close()
