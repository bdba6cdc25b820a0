"""A clock that a test moves by hand."""

import time

NANOSECONDS = 1_000_000_000


class MovableClock:
    """Begins at the machine's time, in whole microseconds as PostgreSQL keeps them, and stands until it is moved."""

    def __init__(self):
        self._now = time.time_ns() // 1000 * 1000

    def now_ns(self):
        """Nanoseconds since the epoch."""
        return self._now

    def forward(self, seconds):
        """Move on by so many seconds; backwards when negative."""
        self._now += int(seconds * NANOSECONDS)

    def leave_midnight(self, seconds):
        """Move to the next day (UTC) where less than so many seconds of this one are left."""
        left = 86_400 - self._now / NANOSECONDS % 86_400
        if left < seconds:
            self.forward(left + 1)
