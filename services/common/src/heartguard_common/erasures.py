"""The end of an organization's or a person's data: each service that keeps some removes it, in a fixed order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heartguard_common.clock import NANOSECONDS, Clock
from heartguard_common.errors import ServiceError
from heartguard_common.jobs import Job, JobError

Keeper = Callable[[int, int | None], object]
"""Removes what one service keeps of an organization, or of one member of it; may be called again.

It returns `Again` where it has to be: something that was begun before the deletion may still be stored.
"""


@dataclass(frozen=True)
class Again:
    """A keeper has to be called once more, in `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Step:
    """One step of a deletion: whose data goes, and how far (percent) the deletion is afterwards."""

    keeper: str
    progress: int


class Erasure:
    """The work of a deletion: the next keeper in turn."""

    def __init__(self, steps: Sequence[Step], keepers: Mapping[str, Keeper], clock: Clock) -> None:
        self._steps = steps
        self._keepers = keepers
        self._clock = clock

    def __call__(self, job: Job) -> Job:
        """The job after its next step. Raises `JobError` naming the keeper that did not succeed."""
        step = next(step for step in self._steps if step.progress > job.progress)
        try:
            found = self._keepers[step.keeper](job.org_id, job.user_id)
        except ServiceError as error:
            raise JobError.of(step.keeper, error) from error
        if isinstance(found, Again):
            return job.waiting(self._clock.now_ns() + round(found.seconds * NANOSECONDS))
        return job.advanced(step.progress)
