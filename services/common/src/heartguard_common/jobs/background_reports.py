"""What the processes of a service say of their background tasks, in Redis, so that one of them can show all.

Also how a process without a port, such as the audit consumer, is seen.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from heartguard_common.core.background import BackgroundTasks, FailureHandling, TaskStatus, process_name
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

REPORT_SECONDS = 5.0
# A process that is killed, or hangs, is seen for so long.
KEPT_SECONDS = 15
INDEX_SECONDS = 3600
_UNAVAILABLE = FailureHandling(outages=dict.fromkeys(REDIS_ERRORS, RetryPolicy(None, REPORT_SECONDS, REPORT_SECONDS)))


class BackgroundReports:
    """The reports of one service: a set of the processes, and a text for each that expires by itself."""

    def __init__(self, service: str, redis: RedisClient) -> None:
        # With a hash tag, so that a cluster keeps the keys of a service together.
        self._index = f"hg:background:{{{service}}}"
        self._redis = redis

    def publish(self, statuses: Sequence[TaskStatus]) -> None:
        """Say what the tasks of this process do. Raises what Redis raises."""
        name = process_name()
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.sadd(self._index, name)
            pipeline.expire(self._index, INDEX_SECONDS)
            pipeline.set(self._key(name), json.dumps([asdict(status) for status in statuses]), ex=KEPT_SECONDS)
            pipeline.execute()

    def withdraw(self) -> None:
        """Forget this process, which ends."""
        try:
            self._redis.srem(self._index, process_name())
            self._redis.delete(self._key(process_name()))
        except REDIS_ERRORS:
            return  # it expires by itself

    def of_others(self) -> list[TaskStatus]:
        """What the tasks of the other processes did when they said so last. Raises what Redis raises."""
        names = sorted(str(name) for name in self._redis.smembers(self._index) if name != process_name())
        texts = self._redis.mget([self._key(name) for name in names]) if names else []
        gone = [name for name, text in zip(names, texts, strict=True) if text is None]
        if gone:
            self._redis.srem(self._index, *gone)
        return [status for text in texts if text is not None for status in _statuses(str(text))]

    def _key(self, process: str) -> str:
        return f"{self._index}:{process}"


def report_background(
    service: str, tasks: BackgroundTasks, redis: RedisClient, lifecycle: Lifecycle
) -> BackgroundReports:
    """Have this process say every few seconds what its tasks do, until it ends; returns where all processes say it."""
    reports = BackgroundReports(service, redis)

    def report() -> float:
        reports.publish(tasks.statuses())
        return REPORT_SECONDS

    lifecycle.on_close(reports.withdraw)
    tasks.start("reports", report, failures=_UNAVAILABLE)
    return reports


def _statuses(text: str) -> list[TaskStatus]:
    try:
        return [TaskStatus(**fields) for fields in json.loads(text)]
    except (TypeError, ValueError):  # of another revision, while processes are replaced one by one
        return []
