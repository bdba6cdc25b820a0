"""The routes of a service for its operator; among them the one that shows the background work."""

from typing import Any

from heartguard_common.http.dead_letter_routes import dead_letter_routes
from heartguard_common.http.job_routes import job_routes
from heartguard_common.http.routing import Answer, AnyRoute, EmptyCall, Route
from heartguard_common.jobs.background_work import BackgroundWork
from heartguard_common.jobs.dead_letters import DeadLetters
from heartguard_common.jobs.operated_jobs import OperatedJobs
from heartguard_common.messages import BackgroundWork as BackgroundWorkMessage

BACKGROUND = "/background"


def read_background(work: BackgroundWork, _: EmptyCall) -> Answer[BackgroundWorkMessage]:
    """Read what the service does in the background.

    Its background tasks in every process, and its queues.
    """
    return Answer(work.document(), headers={"Cache-Control": "no-store"})


def background_routes(prefix: str) -> tuple[Route[BackgroundWork, Any], ...]:
    """The row for a service's route table, over its `BackgroundWork`; `prefix` as in `/auth`."""
    return (Route("GET", prefix + BACKGROUND, read_background),)


def operator_routes(
    prefix: str, work: BackgroundWork | None, dead_letters: DeadLetters | None, jobs: OperatedJobs | None
) -> list[tuple[AnyRoute, object]]:
    """The routes of a service for its operator, each with what it is over."""
    table: list[tuple[AnyRoute, object]] = []
    if work is not None:
        table += [(route, work) for route in background_routes(prefix)]
    if dead_letters is not None:
        table += [(route, dead_letters) for route in dead_letter_routes(prefix)]
    if jobs is not None:
        table += [(route, jobs) for route in job_routes(prefix)]
    return table
