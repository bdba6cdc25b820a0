"""Notification policies: who gets messages about an alarm, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

from heartguard_alarm.domain.local_times import NANOSECONDS, LocalTimes
from heartguard_alarm.domain.rules import local_times
from heartguard_common.core.clock import is_time_zone
from heartguard_common.core.errors import Violation
from heartguard_common.messages import AlarmPolicyRequest, AlarmPolicyUpdate

GROUP_WAIT_SECONDS = 30
REPEAT_SECONDS = 4 * 3600
MINUTE_NS = 60 * NANOSECONDS
# After a week every local time has come.
_MINUTES = 8 * 24 * 60


class Due(NamedTuple):
    """A step of a policy, the number of its repeat, and how many seconds after the alarm was raised it is due."""

    step: int
    repeat: int
    seconds: int


@dataclass(frozen=True)
class Policy:
    """A notification policy of an organization; times are nanoseconds since the epoch."""

    org_id: int
    id: str
    settings: AlarmPolicyRequest
    created_ns: int
    changed_ns: int

    @property
    def group_wait_seconds(self) -> int:
        """How long the first message waits for other alarms."""
        return self.settings.get("group_wait_seconds", GROUP_WAIT_SECONDS)

    @property
    def repeat_seconds(self) -> int:
        """How long after an alarm was raised its steps begin again; 0: never."""
        return self.settings.get("repeat_seconds", REPEAT_SECONDS)

    @property
    def details(self) -> bool:
        """Whether messages say the name of the person and the value."""
        return self.settings.get("details", False)

    @property
    def is_default(self) -> bool:
        """Whether rules that name no policy use it."""
        return self.settings.get("default", False)

    @property
    def channels(self) -> Sequence[str]:
        """The ids of all channels, in the order of the steps, each once."""
        return list(dict.fromkeys(it for step in self.settings["steps"] for it in step["channels"]))

    def channels_of(self, step: int) -> Sequence[str]:
        """The ids of the channels of a step; none where the policy has no such step any more."""
        steps = self.settings["steps"]
        return list(dict.fromkeys(steps[step]["channels"])) if step < len(steps) else ()

    def due(self, step: int, repeat: int) -> Due:
        """When a step is due."""
        after = self.settings["steps"][step]["after_seconds"] if step < len(self.settings["steps"]) else 0
        return Due(step, repeat, max(after, self.group_wait_seconds) + repeat * self.repeat_seconds)

    def following(self, step: int, repeat: int) -> Due | None:
        """What follows a step: the next one, else the first one of the next repeat, else nothing."""
        if step + 1 < len(self.settings["steps"]):
            return self.due(step + 1, repeat)
        return self.due(0, repeat + 1) if self.repeat_seconds else None

    def loud_at(self, time_ns: int) -> int:
        """The first time from `time_ns` on that is outside of the quiet hours; `time_ns` where they never end."""
        quiet = self._quiet
        if quiet is None or not quiet.contain(time_ns):
            return time_ns
        begin = time_ns // MINUTE_NS * MINUTE_NS
        later = (begin + number * MINUTE_NS for number in range(1, _MINUTES))
        return next((it for it in later if not quiet.contain(it)), time_ns)

    @cached_property
    def _quiet(self) -> LocalTimes | None:
        return local_times(self.settings.get("quiet_hours"))


def with_changes(settings: AlarmPolicyRequest, changes: AlarmPolicyUpdate) -> AlarmPolicyRequest:
    """The settings after the changes; missing members stay as they are."""
    return cast("AlarmPolicyRequest", {**settings, **changes})


def violations(settings: AlarmPolicyRequest) -> Iterator[Violation]:
    """What the contract can't say: each step is later than the one before, repeats begin after the last one."""
    wait = settings.get("group_wait_seconds", GROUP_WAIT_SECONDS)
    steps = [max(it["after_seconds"], wait) for it in settings["steps"]]
    for place in range(1, len(steps)):
        if steps[place] <= steps[place - 1]:
            yield Violation(f"/steps/{place}/after_seconds", "must be later than the step before, and the group wait")
    repeat = settings.get("repeat_seconds", REPEAT_SECONDS)
    if repeat and repeat <= steps[-1]:
        yield Violation("/repeat_seconds", "must be 0, or longer than the group wait and the last step")
    quiet = settings.get("quiet_hours")
    if quiet is not None and not is_time_zone(quiet["zone"]):
        yield Violation("/quiet_hours/zone", "is not a name of the IANA time zone database")
