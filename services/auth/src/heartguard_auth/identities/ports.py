"""Where deletions are requested, which the user service carries out."""

from typing import Protocol

from heartguard_common.jobs.engine import Job


class DeletionJobs(Protocol):
    """The jobs of deletions."""

    def request(self, job: Job) -> tuple[Job, bool]:
        """Store a job, unless one of its kind and subject is open; returns the one that counts, and if it is new."""
