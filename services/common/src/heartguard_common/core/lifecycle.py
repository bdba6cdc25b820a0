"""The dependencies of a process: each is opened, pinged for readiness and closed here."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from heartguard_common.messages import DependencyDocument, Readiness

T = TypeVar("T")
PING_SECONDS = 1.0
LIFECYCLE = "heartguard.lifecycle"  # the extension in which an application keeps its Lifecycle


@dataclass(frozen=True)
class Resource(Generic[T]):
    """How to open a dependency, how to check it, and how to close it."""

    name: str
    make: Callable[[], T]
    ping: Callable[[T], object]
    close: Callable[[T], object] = lambda _: None


class NotReadyError(Exception):
    """Raised by a ping that knows what is wrong; `/ready` shows its text to every caller."""


@dataclass(frozen=True)
class Health:
    """The result of one ping: whether it succeeded, its latency in milliseconds, and what is wrong if known."""

    name: str
    ok: bool
    latency_ms: float
    reason: str = ""


class _Ping:
    """One ping, in a thread of its own, because a hung server blocks the caller."""

    def __init__(self, ping: Callable[[], object]) -> None:
        self.started = time.monotonic()
        self.ok = False
        self.reason = ""
        self._ping = ping
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end of the ping, until `PING_SECONDS` after its start at most."""
        self._thread.join(max(0.0, self.started + PING_SECONDS - time.monotonic()))

    def _run(self) -> None:
        try:
            self._ping()
            self.ok = True
        except NotReadyError as error:
            self.reason = str(error)
        except Exception:  # noqa: BLE001  any exception of a ping means: not ready
            self.ok = False


class _Probe:
    """Pings one dependency. Concurrent callers share a running ping, so that there is never more than one."""

    def __init__(self, name: str, ping: Callable[[], object]) -> None:
        self._name = name
        self._ping = ping
        self._lock = threading.Lock()
        self._last: _Ping | None = None

    def ask(self) -> Health:
        with self._lock:
            if self._last is None or not self._last.running:
                self._last = _Ping(self._ping)
            shared = self._last
        shared.wait()
        elapsed = min(time.monotonic() - shared.started, PING_SECONDS) * 1000
        ok = shared.ok and not shared.running
        return Health(self._name, ok=ok, latency_ms=round(elapsed, 2), reason=shared.reason)


class Lifecycle:
    """The dependencies of one process, in the order they were opened."""

    def __init__(self) -> None:
        self._probes: list[_Probe] = []
        self._closers: list[Callable[[], object]] = []

    def open(self, resource: Resource[T]) -> T:
        """Make a dependency and remember how to ping and close it."""
        value = resource.make()
        self._probes.append(_Probe(resource.name, lambda: resource.ping(value)))
        self._closers.append(lambda: resource.close(value))
        return value

    def on_close(self, close: Callable[[], object]) -> None:
        """Remember something to close that is not part of readiness."""
        self._closers.append(close)

    def readiness(self) -> list[Health]:
        """Ping every dependency, all at once, each within one second."""
        probes = tuple(self._probes)  # a thread may ask while the process still opens dependencies
        found: dict[int, Health] = {}

        def ask(index: int, probe: _Probe) -> None:
            found[index] = probe.ask()

        threads = [threading.Thread(target=ask, args=item, daemon=True) for item in enumerate(probes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [found[index] for index in range(len(probes))]

    def close(self) -> None:
        """Close everything in the reverse order of opening."""
        while self._closers:
            self._closers.pop()()


def readiness_document(found: list[Health]) -> Readiness:
    """The `Readiness` message of what `readiness` found."""
    return {
        "status": "ready" if all(health.ok for health in found) else "unavailable",
        "dependencies": [_dependency(health) for health in found],
    }


def _dependency(health: Health) -> DependencyDocument:
    document: DependencyDocument = {
        "name": health.name,
        "status": "ok" if health.ok else "failed",
        "latency_ms": health.latency_ms,
    }
    if health.reason:
        document["reason"] = health.reason
    return document
