"""Silences: alarms are recorded, and nobody gets messages about them."""

from dataclasses import dataclass

from heartguard_alarm.domain.local_times import NANOSECONDS

LONGEST_NS = 30 * 24 * 3600 * NANOSECONDS


@dataclass(frozen=True)
class Silence:
    """A silence `[starts_ns, ends_ns)` of a person or, with None, of everybody, and of one rule or of all."""

    org_id: int
    id: str
    person: int | None
    rule_id: str | None
    reason: str
    starts_ns: int
    ends_ns: int
    created_by: str
    created_ns: int
