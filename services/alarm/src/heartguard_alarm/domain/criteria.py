"""What a rule asks of the samples of one person, and from when on it asks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from heartguard_alarm.domain.local_times import LocalTimes

Condition = Literal["above", "below"]
PERMILLE = 1000


class Level(IntEnum):
    """Where a value lies: beyond the threshold, at or past the clear threshold, or between the two."""

    BETWEEN = 0
    BREACH = 1
    CLEAR = 2


@dataclass(frozen=True)
class Criteria:
    """The part of a rule's version that decides about episodes; durations are in nanoseconds.

    `tolerance` is the share, in thousandths, of a window that may contradict it. `clear_threshold` is not above
    `threshold` for `above`, and not below it for `below`. `times` are the local times at which the rule applies, None
    for always.
    """

    condition: Condition
    threshold: float
    clear_threshold: float
    for_ns: int
    clear_after_ns: int
    max_gap_ns: int
    tolerance: int = 200
    resting: bool = False
    times: LocalTimes | None = None

    def level(self, value: float) -> Level:
        """Where a value lies. A value that is not a number lies between the thresholds."""
        sign = 1 if self.condition == "above" else -1
        if sign * value > sign * self.threshold:
            return Level.BREACH
        return Level.CLEAR if sign * value <= sign * self.clear_threshold else Level.BETWEEN

    def worse(self, one: float, other: float) -> float:
        """The value that is further in the direction of the condition."""
        return max(one, other) if self.condition == "above" else min(one, other)

    def applies(self, time_ns: int) -> bool:
        """Whether the local time is one at which the rule applies."""
        return self.times is None or self.times.contain(time_ns)

    @property
    def reach_ns(self) -> int:
        """How far before a sample others can lie that decide about it."""
        return max(self.for_ns, self.clear_after_ns) + self.max_gap_ns


@dataclass(frozen=True)
class Era:
    """From `from_ns` on, until the next era, `criteria` apply to one person; with None the rule is off for them."""

    from_ns: int
    criteria: Criteria | None


Eras = Sequence[Era]
"""Of one rule and person, in order of time, each with a later `from_ns` than the one before. Before the first: off."""


def off_after(eras: Eras, time_ns: int) -> int | None:
    """The first time after `time_ns` at which the rule is off, None where it stays on."""
    return next((era.from_ns for era in eras if era.criteria is None and era.from_ns > time_ns), None)
