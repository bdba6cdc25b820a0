"""A process that takes a job, says so, and never ends its step."""

import threading
from multiprocessing.connection import Connection

from heartguard_common.core.clock import SystemClock
from heartguard_common.jobs.engine import Job, JobRunner
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.stores.database import Database


def hold(url: str, kind: str, results: Connection) -> None:
    """Take one step of every due job of a kind, and stay in it."""

    def work(job: Job) -> Job:
        results.send(job.id)
        threading.Event().wait()
        return job

    JobRunner(kind, PostgresJobs(Database(url)), work, lambda _: None, SystemClock()).run()
