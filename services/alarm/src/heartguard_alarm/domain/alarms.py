"""Alarms: episodes as people see them."""

from dataclasses import dataclass
from typing import NamedTuple

from heartguard_alarm.domain.changes import Kind
from heartguard_common.messages import AlarmRuleRequest
from heartguard_common.messages.alarm import Severity


@dataclass(frozen=True)
class Alarm:
    """An episode with the version of the rule that raised it; all times are nanoseconds since the epoch."""

    org_id: int
    id: str
    rule_id: str
    version: int
    settings: AlarmRuleRequest
    person: int
    severity: Severity
    start_ns: int
    raised_ns: int
    end_ns: int | None
    found_ns: int
    retrospective: bool
    acknowledged_ns: int | None
    acknowledged_by: str | None
    closed_ns: int | None
    closed_by: str | None
    withdrawn: bool
    merged_into: str | None


class HistoryEntry(NamedTuple):
    """What happened to an alarm, and who did it, None where nobody did.

    `number` counts the entries of the alarm from 1; 0 before it is stored.
    """

    kind: Kind
    at_ns: int
    actor: str | None
    note: str | None
    number: int = 0


class Filter(NamedTuple):
    """Which alarms: None stands for any. Withdrawn ones are left out unless `withdrawn`."""

    active: bool | None = None
    acknowledged: bool | None = None
    withdrawn: bool = False
    person: int | None = None
    rule_id: str | None = None
    severity: Severity | None = None
    since_ns: int | None = None
    until_ns: int | None = None
