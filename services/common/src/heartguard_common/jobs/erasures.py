"""The erasure of an organization's or a person's data: each service that stores some removes it, in a fixed order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.jobs.engine import Job, JobError

Eraser = Callable[[int, int | None], object]
"""Removes what one service keeps of an organization, or of one member of it; may be called again.

It returns `RetryAfter` where it has to be: something that was begun before the deletion may still be stored.
"""


@dataclass(frozen=True)
class RetryAfter:
    """An eraser has to be called once more, in `seconds`."""

    seconds: float


@dataclass(frozen=True)
class DeletionStep:
    """One step of a deletion: whose data goes, and how far (percent) the deletion is afterwards."""

    eraser: str
    progress: int


class Erasure:
    """The work of a deletion job: each step calls the next eraser."""

    def __init__(self, steps: Sequence[DeletionStep], erasers: Mapping[str, Eraser], clock: Clock) -> None:
        self._steps = steps
        self._erasers = erasers
        self._clock = clock

    def __call__(self, job: Job) -> Job:
        """The job after its next step. Raises `JobError` with the name of the eraser that failed."""
        step = next(step for step in self._steps if step.progress > job.progress)
        try:
            found = self._erasers[step.eraser](job.org_id, job.user_id)
        except ServiceError as error:
            raise JobError.of(step.eraser, error) from error
        if isinstance(found, RetryAfter):
            return job.waiting(self._clock.now_ns() + round(found.seconds * NANOSECONDS))
        return job.advanced(step.progress)
