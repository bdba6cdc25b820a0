"""The routes by which the operator sees the jobs of a service, and has one tried again."""

from typing import Any
from uuid import UUID

from heartguard_common.core.errors import CONFLICT
from heartguard_common.http.paging import DEFAULT_LIMIT, decode_cursor, page
from heartguard_common.http.routing import Answer, Call, EmptyCall, Route
from heartguard_common.jobs.operated_jobs import OperatedJobs
from heartguard_common.messages import JobList, JobListQuery

JOBS = "/jobs"


def list_jobs(jobs: OperatedJobs, call: Call[None, JobListQuery]) -> Answer[JobList]:
    """List the jobs of the service.

    The oldest first; without `status` those that are not done.
    """
    limit = call.query.get("limit", DEFAULT_LIMIT)
    after = decode_cursor(call.query.get("cursor"), UUID)
    rows = jobs.page(call.query.get("status"), after[0] if after else None, limit + 1)
    shown = page(rows, limit, lambda row: row.document(), lambda row: [row.job.id])
    return Answer({"items": shown.items, "next_cursor": shown.next_cursor}, headers={"Cache-Control": "no-store"})


def retry_job(jobs: OperatedJobs, call: EmptyCall) -> Answer[None]:
    """Retry a job that has failed or waits."""
    jobs.retry(call.person, call.params["job_id"].lower())
    return Answer(None)


def job_routes(prefix: str) -> tuple[Route[OperatedJobs, Any], ...]:
    """The routes of a service, which work on its `OperatedJobs`; `prefix` as in `/users`."""
    return (
        Route("GET", prefix + JOBS, list_jobs),
        Route("POST", prefix + JOBS + "/{job_id}/retry", retry_job, status=204, raises=(CONFLICT,)),
    )
