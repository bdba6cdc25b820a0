"""Plans, the states of organizations, and which limits are nearly used."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.limit_table import BY_NAME, LARGEST
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.messages import Mode, PlanStage

DAY_NS = 86_400 * NANOSECONDS
MOST_DAYS = 36_500
NEAR, REACHED = 80, 100
"""Percent of a limit that are reported when they are used."""
AGAIN = 5
"""So many percent less have to be used before the same is reported again: use varies around a level."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Plan:
    """A plan of the file: values of limits by name; `days` is how long it lasts, None for no end."""

    name: str
    days: int | None
    grace_days: int
    limits: Mapping[str, int]


@dataclass(frozen=True)
class PlanTerm:
    """The plan of an organization; `until` is its end in nanoseconds since 1970, None for no end."""

    name: str
    until: int | None
    grace_days: int
    stage: PlanStage = "running"

    @property
    def read_only_from(self) -> int | None:
        """When the organization becomes read-only."""
        return None if self.until is None else self.until + self.grace_days * DAY_NS

    def stage_at(self, now: int) -> PlanStage:
        """Whether it runs, has ended and everything still works, or has ended."""
        if self.until is None or now < self.until:
            return "running"
        return "grace" if now < (self.read_only_from or 0) else "ended"


@dataclass(frozen=True)
class State:
    """The state of an organization, a row of `organization_states`.

    `mode_chosen` says that the operator chose the mode, which plans then leave as it is. `levels` are, by limit, the
    percent of it that were last reported; `near` is the text of the header that warns of them.
    """

    mode: Mode = ACTIVE
    mode_chosen: bool = False
    plan: PlanTerm | None = None
    levels: Mapping[str, int] = field(default_factory=dict)
    near: str = ""


@dataclass(frozen=True)
class Use:
    """How much of a limit is used."""

    name: str
    used: int
    value: int

    @property
    def percent(self) -> int:
        """How much that is, rounded down, at most 999; of a limit of 0, any use is 100."""
        if self.value == 0:
            return REACHED if self.used > 0 else 0
        return min(999, self.used * 100 // self.value)


def parse_plans(text: str) -> Mapping[str, Plan]:
    """The plans of a file by name. Raises ValueError with the first problem."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"names a file that is not TOML: {error}") from error
    return {name: _plan(name, entry) for name, entry in table.items()}


def _plan(name: str, entry: object) -> Plan:
    if not _NAME.fullmatch(name) or not isinstance(entry, dict):
        raise ValueError(f"names a file with a bad plan {name[:40]!r}: a table with a name such as standard_2027")
    if unknown := entry.keys() - {"days", "grace_days", "limits"}:
        raise ValueError(f"names a file whose plan {name} has an unknown key {min(unknown)}")
    days, grace_days, limits = entry.get("days"), entry.get("grace_days", 0), entry.get("limits", {})
    if days is not None and not _whole(days, 1, MOST_DAYS):
        raise ValueError(f"names a file whose plan {name} has bad days: a whole number from 1 to {MOST_DAYS}")
    if not _whole(grace_days, 0, MOST_DAYS):
        raise ValueError(f"names a file whose plan {name} has bad grace_days: a whole number from 0 to {MOST_DAYS}")
    if not isinstance(limits, dict):
        raise ValueError(f"names a file whose plan {name} has limits that are no table")  # noqa: TRY004 - not a programmer's error
    for limit, value in limits.items():
        if limit not in BY_NAME or not BY_NAME[limit].adjustable:
            raise ValueError(f"names a file whose plan {name} has {limit}, which is no limit of an organization")
        if not _whole(value, 0, LARGEST):
            raise ValueError(f"names a file whose plan {name} has a bad {limit}: a whole number from 0")
    return Plan(name, days, grace_days, dict(limits))


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def crossings(before: Mapping[str, int], uses: Sequence[Use]) -> tuple[dict[str, int], list[tuple[Use, int]]]:
    """The levels after a look at the use of limits, and which were reached since, each with its percent."""
    levels: dict[str, int] = {}
    reached = []
    for use in uses:
        known = before.get(use.name, 0)
        now = max((level for level in (NEAR, REACHED) if use.percent >= level), default=0)
        kept = max((level for level in (NEAR, REACHED) if level <= known and use.percent > level - AGAIN), default=0)
        reached += [(use, level) for level in (NEAR, REACHED) if known < level <= now]
        if max(now, kept):
            levels[use.name] = max(now, kept)
    return levels, reached


def warning(uses: Sequence[Use], plan: PlanTerm | None) -> str:
    """The header of answers near a limit, a list of structured fields (RFC 9651); empty without anything to warn of.

    Each item is the name of a limit with the percent that are used; `plan` says when the organization becomes
    read-only, after the end of its plan.
    """
    items = [f"{use.name};used={use.percent}" for use in uses if use.percent >= NEAR]
    if plan is not None and plan.stage != "running" and plan.read_only_from is not None:
        items.append(f"plan;read-only-from=@{plan.read_only_from // NANOSECONDS}")
    return ", ".join(items)
