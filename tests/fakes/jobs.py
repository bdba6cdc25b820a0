"""Jobs in memory."""

from contextlib import contextmanager, nullcontext


class MemoryJobs:
    """Jobs in a dictionary; sits the same exam as the table."""

    def __init__(self):
        self.kept = {}
        self._held = set()

    def request(self, job):
        for one in self.kept.values():
            if one.open and (one.kind, one.org_id, one.user_id) == (job.kind, job.org_id, job.user_id):
                return one, False
        self.kept[job.id] = job
        return job, True

    def find(self, kind, job_id):
        job = self.kept.get(job_id)
        return job if job is not None and job.kind == kind else None

    def count_open(self, kind, org_id):
        return sum(job.open and (job.kind, job.org_id) == (kind, org_id) for job in self.kept.values())

    def due(self, kind, now_ns):
        waiting = [job for job in self.kept.values() if job.kind == kind and job.open and job.due_ns <= now_ns]
        return [job.id for job in sorted(waiting, key=lambda job: job.due_ns)]

    @contextmanager
    def held(self, job_id):
        if job_id in self._held:
            yield None
            return
        self._held.add(job_id)
        try:
            yield self.kept.get(job_id)
        finally:
            self._held.remove(job_id)

    def purge(self, kind, before_ns):
        pass

    def transaction(self):
        return nullcontext()

    def save(self, job):
        if self.kept[job.id].open:
            self.kept[job.id] = job
