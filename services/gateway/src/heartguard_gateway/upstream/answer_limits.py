"""What one worker keeps of long answers, and how fast they have to be read."""

from dataclasses import dataclass

from heartguard_gateway.domain import Pace

MIB = 1024 * 1024
_ORDINARY, _CROWDED, _WAITED_FOR = Pace(20.0, 4096.0), Pace(20.0, 16_384.0), Pace(5.0, 65_536.0)


@dataclass(frozen=True)
class AnswerLimits:
    """What one worker keeps of answers, in bytes, and at which pace they have to be read.

    `one` is the memory for one answer, or all of it where that is at most `small`; `spare` has to be left free on the
    disk. A reader that has a slot for a long answer may be `ahead` bytes behind its service; from then on the service's
    answer is taken at `ahead_rate` bytes per second, so that a thousand of them are no load. `crowded` is for holders
    of more than an eighth of `disk`, `waited_for` for readers for which a service has to wait.
    """

    one: int = 128 * 1024
    small: int = MIB
    memory: int = 32 * MIB
    disk: int = 2048 * MIB
    spare: int = 1024 * MIB
    ahead: int = MIB
    ahead_rate: int = 8 * MIB
    ordinary: Pace = _ORDINARY
    crowded: Pace = _CROWDED
    waited_for: Pace = _WAITED_FOR
