"""A process that takes a job, says so, and never ends its step."""

import threading
from multiprocessing.connection import Connection

from heartguard_common.clock import SystemClock
from heartguard_common.database import Database
from heartguard_common.job_store import PostgresJobs
from heartguard_common.jobs import Job, JobRunner


def hold(url: str, kind: str, told: Connection) -> None:
    """Take one step of every due job of a kind, and stay in it."""

    def work(job: Job) -> Job:
        told.send(job.id)
        threading.Event().wait()
        return job

    JobRunner(kind, PostgresJobs(Database(url)), work, lambda _: None, SystemClock()).run()
