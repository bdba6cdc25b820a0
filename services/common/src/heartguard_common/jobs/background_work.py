"""The background work of one service, as the operator sees it: what each task does, and what waits in each queue."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common import messages
from heartguard_common.core.background import BackgroundTasks, TaskStatus
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.jobs.background_reports import BackgroundReports
from heartguard_common.jobs.dead_letters import DeadLetterStore, FailureCounts, ManagedQueue
from heartguard_common.messages.common import BackgroundQueueDocument, BackgroundTaskDocument
from heartguard_common.messages.common import TaskStatus as TaskState
from heartguard_common.stores.redis_client import REDIS_ERRORS


@dataclass(frozen=True)
class BackgroundWork:
    """The tasks of this process, those of the service's other processes, and the queues."""

    service: str
    tasks: BackgroundTasks
    reports: BackgroundReports
    dead_letters: DeadLetterStore
    queues: Mapping[str, ManagedQueue]

    def document(self) -> messages.BackgroundWork:
        """The `BackgroundWork` message.

        It is not `complete` while Redis is unavailable (other processes are missing) or PostgreSQL (the queues are).
        """
        statuses, complete = self._statuses()
        found: messages.BackgroundWork = {
            "service": self.service,
            "complete": complete,
            "tasks": [_task(status) for status in statuses],
            "queues": [],
        }
        try:
            counts = self.dead_letters.counts(self.queues)
            found["queues"] = [_queue(name, queue, counts[name]) for name, queue in self.queues.items()]
        except ServiceError:
            found["complete"] = False
        return found

    def failures(self) -> dict[str, float]:
        """For each task how many of its runs failed in a row, in the process where that is most."""
        most: dict[str, float] = {}
        for status in self._statuses()[0]:
            most[status.name] = max(most.get(status.name, 0.0), float(status.failures))
        return most

    def _statuses(self) -> tuple[list[TaskStatus], bool]:
        """What is known of the tasks of all processes, and whether that is all."""
        own = self.tasks.statuses()
        try:
            return own + self.reports.of_others(), True
        except REDIS_ERRORS:
            return own, False


def _task(status: TaskStatus) -> BackgroundTaskDocument:
    found: BackgroundTaskDocument = {
        "name": status.name,
        "kind": status.kind,
        "process": status.process,
        "status": _state(status),
        "threads": status.threads,
        "running": status.running,
        "failures": status.failures,
    }
    if status.running_since_ns is not None:
        found["running_since"] = rfc3339(status.running_since_ns)
    if status.last_success_ns is not None:
        found["last_success_at"] = rfc3339(status.last_success_ns)
    if status.last_failure_ns is not None:
        found["last_failure_at"] = rfc3339(status.last_failure_ns)
    if status.last_error is not None:
        found["last_error"] = status.last_error
    if status.next_run_ns is not None:
        found["next_run_at"] = rfc3339(status.next_run_ns)
    return found


def _state(status: TaskStatus) -> TaskState:
    if status.ended:
        return "ended"
    if status.failures:
        return "retrying"
    return "running" if status.running else "waiting"


def _queue(name: str, queue: ManagedQueue, counts: FailureCounts) -> BackgroundQueueDocument:
    found: BackgroundQueueDocument = {"name": name, "retrying": counts.retrying, "dead": counts.dead}
    if queue.waiting is not None:
        found["waiting"] = queue.waiting()
    if queue.oldest_seconds is not None:
        found["oldest_seconds"] = queue.oldest_seconds()
    return found
