"""Background work: tasks that run in threads of their own, and what is known of each."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from heartguard_common.core.clock import NANOSECONDS, Clock, SystemClock
from heartguard_common.core.retry import RetryPolicy, reason_of
from heartguard_common.messages.common import TaskKind

AFTER_ERROR = RetryPolicy(None, 1.0, 60.0)
CLOSE_SECONDS = 5.0
_log = logging.getLogger("heartguard")


@dataclass(frozen=True)
class TaskStatus:
    """What is known of a task of one process; times are nanoseconds since the epoch.

    `running` is how many of its `threads` are in a run, `running_since_ns` when the oldest of these runs began, `ended`
    how many threads have ended. `failures` counts failed runs in a row, `last_error` is the kind of the last error.
    """

    name: str
    kind: TaskKind
    process: str
    threads: int
    running: int = 0
    ended: int = 0
    failures: int = 0
    running_since_ns: int | None = None
    last_success_ns: int | None = None
    last_failure_ns: int | None = None
    last_error: str | None = None
    next_run_ns: int | None = None


class RunObserver(Protocol):
    """Who counts runs."""

    def run_began(self, task: str) -> None:
        """A run has begun."""

    def run_ended(self, task: str, seconds: float, *, failed: bool) -> None:
        """A run has ended, after so many seconds."""


class Unobserved:
    """Counts nothing."""

    def run_began(self, task: str) -> None:
        """Do nothing."""

    def run_ended(self, task: str, seconds: float, *, failed: bool) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class FailureHandling:
    """When a task runs again after a run that failed.

    `outages` are errors of something that is unavailable, each with its own delays: they are logged without a stack,
    when they begin and when they are over. `retry` holds for all others, which are logged each time.
    """

    retry: RetryPolicy = AFTER_ERROR
    outages: Mapping[type[Exception], RetryPolicy] = field(default_factory=dict)

    def outage(self, error: Exception) -> RetryPolicy | None:
        """The delays after an outage; None for any other error."""
        return next((self.outages[kind] for kind in self.outages if isinstance(error, kind)), None)


DEFAULT_HANDLING = FailureHandling()


class BackgroundTask:
    """Runs `work` again and again; `work` returns how many seconds to wait before the next run.

    What it raises is logged, and `failures` say when the next run is. With more than one of `threads`, `work` has to be
    fit for that: a run that takes long delays no other.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float],
        *,
        kind: TaskKind = "periodic",
        threads: int = 1,
        failures: FailureHandling = DEFAULT_HANDLING,
        clock: Clock | None = None,
        observer: RunObserver | None = None,
    ) -> None:
        self.name = name
        self._work = work
        self._kind: TaskKind = kind
        self._failures = failures
        self._clock = clock or SystemClock()
        self._observer = observer or Unobserved()
        names = [name] if threads == 1 else [f"{name} {number}" for number in range(1, threads + 1)]
        self._threads = [_TaskThread(self, name) for name in names]

    def start(self) -> "BackgroundTask":
        """Begin; returns itself."""
        for thread in self._threads:
            thread.start()
        return self

    def wake(self) -> None:
        """Have the next run begin now: there is something to do."""
        for thread in self._threads:
            thread.awake.set()

    def ping(self) -> None:
        """Raises RuntimeError when a thread has ended."""
        for thread in self._threads:
            if not thread.is_alive():
                raise RuntimeError(f"the thread {thread.name} has ended")

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End after the current run; waits so long for it at most."""
        for thread in self._threads:
            thread.closing = True
            thread.awake.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def status(self) -> TaskStatus:
        """What is known of it now."""
        threads = self._threads
        last_failed = max(threads, key=lambda thread: thread.last_failure_ns or 0)
        running = [began for thread in threads if (began := thread.running_since_ns) is not None]
        succeeded = [ended for thread in threads if (ended := thread.last_success_ns) is not None]
        following = [begins for thread in threads if (begins := thread.next_run_ns) is not None]
        return TaskStatus(
            name=self.name,
            kind=self._kind,
            process=process_name(),
            threads=len(threads),
            running=len(running),
            ended=sum(thread.ident is not None and not thread.is_alive() for thread in threads),
            failures=max(thread.failures for thread in threads),
            running_since_ns=min(running, default=None),
            last_success_ns=max(succeeded, default=None),
            last_failure_ns=last_failed.last_failure_ns,
            last_error=last_failed.last_error,
            next_run_ns=min(following, default=None),
        )

    def run_once(self, thread: "_TaskThread") -> float:
        """One run in a thread of it; returns the seconds until the next."""
        with suppress(Exception):  # a full disk refuses a new series, and must not end the thread
            self._observer.run_began(self.name)
        thread.running_since_ns, thread.next_run_ns = self._clock.now_ns(), None
        began, failed = time.monotonic(), False
        try:
            wait = self._work()
        except Exception as error:  # noqa: BLE001  whatever it is, the thread must live to try again
            failed = True
            wait = self._failed(thread, error)
        else:
            thread.last_success_ns = self._clock.now_ns()
            if thread.outage is not None:
                _log.warning("%s works again", thread.name)
            thread.failures, thread.outage = 0, None
        thread.running_since_ns = None
        thread.next_run_ns = self._clock.now_ns() + round(wait * NANOSECONDS)
        with suppress(Exception):
            self._observer.run_ended(self.name, time.monotonic() - began, failed=failed)
        return wait

    def _failed(self, thread: "_TaskThread", error: Exception) -> float:
        thread.failures += 1
        thread.last_failure_ns, thread.last_error = self._clock.now_ns(), reason_of(error)
        outage = self._failures.outage(error)
        wait = (outage or self._failures.retry).delay(thread.failures)
        if outage is None:
            _log.error("%s failed, next run in %s s", thread.name, wait, exc_info=error)
        elif thread.outage != str(error):
            _log.warning("%s waits, at first %s s: %s", thread.name, wait, error)
        thread.outage = None if outage is None else str(error)
        return wait


class _TaskThread(threading.Thread):
    """A thread of a task, and what it did last."""

    def __init__(self, task: BackgroundTask, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._task = task
        self.awake = threading.Event()
        self.closing = False
        self.failures = 0
        self.outage: str | None = None
        self.running_since_ns: int | None = None
        self.last_success_ns: int | None = None
        self.last_failure_ns: int | None = None
        self.last_error: str | None = None
        self.next_run_ns: int | None = None

    def run(self) -> None:
        """Run until closed."""
        while not self.closing:
            if self.awake.wait(self._task.run_once(self)):
                self.awake.clear()


class BackgroundTasks:
    """The background tasks of one process: starts them, ends them with the process, and knows what each does.

    `on_close` remembers what is to be called when the process ends.
    """

    def __init__(
        self,
        service: str,
        on_close: Callable[[Callable[[], object]], object],
        clock: Clock | None = None,
        observer: RunObserver | None = None,
    ) -> None:
        self.service = service
        self._on_close = on_close
        self._clock = clock
        self._observer = observer
        self._tasks: list[BackgroundTask] = []

    def add(
        self,
        name: str,
        work: Callable[[], float],
        *,
        kind: TaskKind = "periodic",
        threads: int = 1,
        failures: FailureHandling = DEFAULT_HANDLING,
    ) -> BackgroundTask:
        """A task for somebody else to start and to close; see `BackgroundTask`."""
        task = BackgroundTask(
            name, work, kind=kind, threads=threads, failures=failures, clock=self._clock, observer=self._observer
        )
        self._tasks.append(task)
        return task

    def start(
        self,
        name: str,
        work: Callable[[], float],
        *,
        kind: TaskKind = "periodic",
        threads: int = 1,
        failures: FailureHandling = DEFAULT_HANDLING,
    ) -> BackgroundTask:
        """A task that has begun, and ends with the process."""
        task = self.add(name, work, kind=kind, threads=threads, failures=failures).start()
        self._on_close(task.close)
        return task

    def statuses(self) -> list[TaskStatus]:
        """What is known of each task now, in the order in which they were added."""
        return [task.status() for task in self._tasks]


def process_name() -> str:
    """Machine and process id, as in `web-1:4711`."""
    return f"{socket.gethostname()}:{os.getpid()}"
