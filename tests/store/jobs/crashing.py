"""Processes that take jobs: one never ends its step, another one does."""

import threading
import time
from multiprocessing.connection import Connection

from heartguard_common.core.background import BackgroundTask
from heartguard_common.core.clock import SystemClock
from heartguard_common.jobs.engine import Job, JobRunner
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.stores.database import Database


def work_on(url: str, kind: str, results: Connection, *, hold: bool) -> None:
    """Work on the jobs of a kind as a service does, one step a job, saying which; with `hold` a step never ends."""

    def work(job: Job) -> Job:
        results.send(job.id)
        if hold:
            threading.Event().wait()
        return job.advanced(100)

    runner = JobRunner(kind, PostgresJobs(Database(url)), work, lambda _: None, SystemClock())
    task = BackgroundTask(kind, runner.run, kind="queue").start()
    while True:  # as if somebody asked for something again and again
        task.wake()
        time.sleep(0.05)
