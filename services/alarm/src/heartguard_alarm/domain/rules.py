"""Rules, their versions, and what they ask of one person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from heartguard_alarm.domain.criteria import PERMILLE, Criteria, Era, Eras
from heartguard_alarm.domain.local_times import NANOSECONDS, LocalRange, LocalTimes
from heartguard_common.core.clock import is_time_zone
from heartguard_common.core.errors import Violation
from heartguard_common.messages import AlarmRuleRequest, AlarmRuleUpdate
from heartguard_common.messages.alarm import LocalTimesDocument, OverrideDocument

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEPS = "steps"


@dataclass(frozen=True)
class Version:
    """A version of a rule; its settings are an `AlarmRuleRequest`, whose members that are left out have defaults."""

    number: int
    from_ns: int
    changed_by: str
    settings: AlarmRuleRequest

    @property
    def enabled(self) -> bool:
        """Whether the rule is on."""
        return self.settings.get("enabled", False)


@dataclass(frozen=True)
class Rule:
    """A rule of an organization with its versions, oldest first. `number` stands for it in the store."""

    org_id: int
    id: str
    number: int
    versions: Sequence[Version]
    made_from: str | None = None

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    @property
    def measurements(self) -> frozenset[str]:
        """The measurements whose points can change the rule's alarms: its own, and steps for one of people at rest."""
        resting = any(it.settings.get("activity") == "resting" for it in self.versions)
        return frozenset({self.current.settings["measurement"], *([STEPS] if resting else [])})


def with_changes(settings: AlarmRuleRequest, changes: AlarmRuleUpdate) -> AlarmRuleRequest:
    """The settings after the changes; missing members stay as they are, and None takes one away."""
    changed = {**settings, **changes}
    return cast("AlarmRuleRequest", {name: it for name, it in changed.items() if it is not None})


def violations(settings: AlarmRuleRequest) -> list[Violation]:
    """What the contract can't say: the thresholds are in order, the zone exists, an override names a person once."""
    found = []
    threshold, sign = settings["threshold"], 1 if settings["condition"] == "above" else -1
    side = "above" if sign == 1 else "below"
    clear = settings.get("clear_threshold", threshold)
    if sign * clear > sign * threshold:
        found.append(Violation("/clear_threshold", f"must not be {side} threshold"))
    seen: set[int] = set()
    for place, it in enumerate(settings.get("overrides", ())):
        theirs = it.get("threshold", threshold)
        if sign * it.get("clear_threshold", theirs if "threshold" in it else clear) > sign * theirs:
            found.append(Violation(f"/overrides/{place}/clear_threshold", f"must not be {side} threshold"))
        if it["user_id"] in seen:
            found.append(Violation(f"/overrides/{place}/user_id", "has an override already"))
        seen.add(it["user_id"])
    times = settings.get("times")
    if times is not None and not is_time_zone(times["zone"]):
        found.append(Violation("/times/zone", "is not a name of the IANA time zone database"))
    return found


def eras(rule: Rule, person: int) -> Eras:
    """What the rule asks of a person, and from when on; versions that ask the same are one era."""
    found: list[Era] = []
    for version in rule.versions:
        criteria = criteria_of(version.settings, person) if version.enabled else None
        if found and found[-1].criteria == criteria:
            continue
        if found or criteria is not None:
            found.append(Era(version.from_ns, criteria))
    return found


def version_at(rule: Rule, time_ns: int) -> Version:
    """The version that applies at an event time; the first one before all of them."""
    return next((now for now, following in pairwise(rule.versions) if following.from_ns > time_ns), rule.current)


def criteria_of(settings: AlarmRuleRequest, person: int) -> Criteria | None:
    """What the settings ask of a person; None where the rule does not apply to them."""
    people = settings.get("people") or ()
    own = next((it for it in settings.get("overrides", ()) if it["user_id"] == person), None)
    if (people and person not in people) or (own is not None and own.get("off", False)):
        return None
    threshold, clear = _thresholds(settings, own)
    return Criteria(
        settings["condition"],
        threshold,
        clear,
        settings.get("for_seconds", 600) * NANOSECONDS,
        settings.get("clear_after_seconds", 600) * NANOSECONDS,
        settings.get("max_gap_seconds", 300) * NANOSECONDS,
        round(settings.get("tolerance", 0.2) * PERMILLE),
        settings.get("activity") == "resting",
        local_times(settings.get("times")),
    )


def _thresholds(settings: AlarmRuleRequest, own: OverrideDocument | None) -> tuple[float, float]:
    threshold = settings["threshold"]
    clear = settings.get("clear_threshold", threshold)
    if own is None:
        return threshold, clear
    theirs = own.get("threshold", threshold)
    return theirs, own.get("clear_threshold", theirs if "threshold" in own else clear)


def local_times(document: LocalTimesDocument | None) -> LocalTimes | None:
    """The local times of a document, None without one or without ranges."""
    if document is None or not document["ranges"]:
        return None
    return LocalTimes(document["zone"], tuple(_ranges(document)))


def _ranges(document: LocalTimesDocument) -> Iterator[LocalRange]:
    for it in document["ranges"]:
        days = frozenset(DAYS.index(day) for day in it["days"])
        yield LocalRange(days, _minutes(it["start"]), _minutes(it["stop"]))


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def without_person(settings: AlarmRuleRequest, person: int) -> AlarmRuleRequest:
    """The settings without what they say about a person. A rule that was for that person only is off afterwards."""
    changed = settings.copy()
    people = settings.get("people", [])
    if person in people:
        changed["people"] = [it for it in people if it != person]
        if not changed["people"]:
            changed["enabled"] = False
    if "overrides" in settings:
        changed["overrides"] = [it for it in settings["overrides"] if it["user_id"] != person]
    return changed
