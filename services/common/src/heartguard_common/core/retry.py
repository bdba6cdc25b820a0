"""How what fails is tried again, and the name by which its error is shown."""

from dataclasses import dataclass

from heartguard_common.core.errors import ServiceError

# Beyond this exponent every policy has long reached its longest delay.
_LARGEST_EXPONENT = 60


@dataclass(frozen=True)
class RetryPolicy:
    """After a failure wait `first_delay` seconds, then twice as long each time up to `longest_delay`.

    `max_attempts` in a row are made; None: as many as it takes.
    """

    max_attempts: int | None
    first_delay: float
    longest_delay: float

    def delay(self, attempt: int) -> float:
        """Seconds to wait after an attempt that failed; the first of a row is attempt 1."""
        return min(self.first_delay * 2.0 ** min(attempt - 1, _LARGEST_EXPONENT), self.longest_delay)

    def exhausted(self, attempt: int) -> bool:
        """Whether no attempt follows this one."""
        return self.max_attempts is not None and attempt >= self.max_attempts


class AttemptError(Exception):
    """An attempt failed, for a `reason` that quotes nobody's words. `permanent`: the next one would fail too."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


def reason_of(error: Exception) -> str:
    """The reason of an `AttemptError`, the code of a `ServiceError`, the type of any other error.

    The text of the others may quote what a person wrote.
    """
    if isinstance(error, AttemptError):
        return error.reason
    if isinstance(error, ServiceError):
        return error.error_code.code
    name = type(error).__name__
    return f"{name} {error.errno}" if isinstance(error, OSError) and error.errno else name
