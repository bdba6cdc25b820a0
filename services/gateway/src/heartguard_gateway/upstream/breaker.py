"""When a service is not asked: a circuit breaker, and a budget for retries."""

from collections.abc import Callable


class Breaker:
    """A circuit breaker: after `failures` in a row it is open for `open_seconds`; then one request is let through."""

    def __init__(self, failures: int, open_seconds: float, monotonic: Callable[[], float]) -> None:
        self._threshold = failures
        self._open_seconds = open_seconds
        self._monotonic = monotonic
        self._failures = 0
        self._opened_at = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether requests are refused, except one that tries the service."""
        return self._failures >= self._threshold

    def enter(self) -> tuple[float, bool]:
        """Seconds to wait, 0 to go on; and whether this request is the one that tries, which then must `leave`."""
        if not self.open:
            return 0.0, False
        left = self._opened_at + self._open_seconds - self._monotonic()
        if left > 0:
            return left, False
        if self._trying:
            return 1.0, False
        self._trying = True
        return 0.0, True

    def succeeded(self) -> None:
        """The service answered."""
        self._failures = 0

    def failed(self) -> None:
        """The service could not be reached, or gave no answer."""
        self._failures += 1
        self._opened_at = self._monotonic()

    def leave(self) -> None:
        """The request that tried the service has ended, well or not; requests that began before do not call this."""
        self._trying = False


class RetryBudget:
    """Every request adds a fraction, every retry takes one: so retries can't multiply an overload."""

    CAPACITY = 10.0

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._saved = self.CAPACITY

    def deposit(self) -> None:
        """One request was made."""
        self._saved = min(self._saved + self._ratio, self.CAPACITY)

    def withdraw(self) -> bool:
        """Whether the budget allows a retry, which is taken from it."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
