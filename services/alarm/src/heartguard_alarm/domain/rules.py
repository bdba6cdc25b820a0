"""Rules, their versions, and what they ask of one person."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar, cast

from heartguard_alarm.domain.criteria import PERMILLE, Criteria, Era, Eras
from heartguard_alarm.domain.local_times import NANOSECONDS, LocalRange, LocalTimes
from heartguard_alarm.domain.no_data import NoDataCriteria, NoDataEra
from heartguard_common.core.clock import is_time_zone
from heartguard_common.core.errors import Violation
from heartguard_common.messages import AlarmRuleRequest, AlarmRuleUpdate
from heartguard_common.messages.alarm import LocalTimesDocument, OverrideDocument

T = TypeVar("T")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEPS = "steps"
OF_VALUES = (
    "threshold",
    "clear_threshold",
    "for_seconds",
    "clear_after_seconds",
    "max_gap_seconds",
    "tolerance",
    "activity",
)
"""The members that belong to the conditions above and below."""
OF_NO_DATA = ("no_data_after_seconds",)
"""The members that belong to the condition no_data."""


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
    def is_no_data(self) -> bool:
        """Whether the rule is about missing samples instead of their values. No version changes that."""
        return self.current.settings["condition"] == "no_data"

    @property
    def measurements(self) -> frozenset[str]:
        """The measurements whose points can change the rule's alarms: its own, and steps for one of people at rest."""
        resting = any(it.settings.get("activity") == "resting" for it in self.versions)
        return frozenset({self.current.settings["measurement"], *([STEPS] if resting else [])})

    @property
    def names_people(self) -> bool:
        """Whether a version asks something else of some people than of the others."""
        return any(it.settings.get("people") or it.settings.get("overrides") for it in self.versions)


def asked_of(
    rules: Sequence[Rule], persons: Iterable[int], eras_of: Callable[[Rule, int], Sequence[T]]
) -> Mapping[int, Sequence[tuple[Rule, Sequence[T]]]]:
    """The eras of each person and rule by `eras_of`, without those that are empty."""
    same = {it.id: eras_of(it, 0) for it in rules if not it.names_people}
    found: dict[int, Sequence[tuple[Rule, Sequence[T]]]] = {}
    for person in persons:
        each = [(it, same[it.id] if it.id in same else eras_of(it, person)) for it in rules]
        theirs = [(rule, its_eras) for rule, its_eras in each if its_eras]
        if theirs:
            found[person] = theirs
    return found


def with_changes(settings: AlarmRuleRequest, changes: AlarmRuleUpdate) -> AlarmRuleRequest:
    """The settings after the changes; missing members stay as they are, and None takes one away."""
    changed = {**settings, **changes}
    return cast("AlarmRuleRequest", {name: it for name, it in changed.items() if it is not None})


def violations(settings: AlarmRuleRequest) -> list[Violation]:
    """What the contract can't say.

    The members fit the condition, the thresholds are in order, the zone exists, an override names a person once.
    """
    found = list(_of_condition(settings))
    if not found and settings["condition"] != "no_data":
        found += _thresholds_in_disorder(settings)
    seen: set[int] = set()
    for place, it in enumerate(settings.get("overrides", ())):
        if it["user_id"] in seen:
            found.append(Violation(f"/overrides/{place}/user_id", "has an override already"))
        seen.add(it["user_id"])
    times = settings.get("times")
    if times is not None and not is_time_zone(times["zone"]):
        found.append(Violation("/times/zone", "is not a name of the IANA time zone database"))
    return found


def _of_condition(settings: AlarmRuleRequest) -> Iterator[Violation]:
    """What is missing for the condition, and what belongs to another one."""
    condition = settings["condition"]
    needed, foreign = ("threshold", OF_NO_DATA) if condition != "no_data" else (OF_NO_DATA[0], OF_VALUES)
    if needed not in settings:
        yield Violation(f"/{needed}", f"is required with the condition {condition}")
    for name in foreign:
        if name in settings:
            yield Violation(f"/{name}", f"does not belong to the condition {condition}")
    for place, it in enumerate(settings.get("overrides", ())):
        for name in foreign:
            if name in it:
                yield Violation(f"/overrides/{place}/{name}", f"does not belong to the condition {condition}")


def _thresholds_in_disorder(settings: AlarmRuleRequest) -> Iterator[Violation]:
    sign = 1 if settings["condition"] == "above" else -1
    text = f"must not be {settings['condition']} threshold"
    threshold, clear = _thresholds(settings, None)
    if sign * clear > sign * threshold:
        yield Violation("/clear_threshold", text)
    for place, it in enumerate(settings.get("overrides", ())):
        theirs, their_clear = _thresholds(settings, it)
        if sign * their_clear > sign * theirs:
            yield Violation(f"/overrides/{place}/clear_threshold", text)


def no_data_eras(rule: Rule, person: int) -> Sequence[NoDataEra]:
    """What a rule about missing data asks of a person, and from when on; versions that ask the same are one era."""
    found: list[NoDataEra] = []
    for version in rule.versions if rule.is_no_data else ():
        criteria = no_data_criteria_of(version.settings, person) if version.enabled else None
        if (found and found[-1].criteria != criteria) or (not found and criteria is not None):
            found.append(NoDataEra(version.from_ns, criteria))
    return found


def no_data_criteria_of(settings: AlarmRuleRequest, person: int) -> NoDataCriteria | None:
    """What the settings of a rule about missing data ask of a person; None where it does not apply to them."""
    own = _override(settings, person)
    if not _applies(settings, person, own):
        return None
    seconds = settings["no_data_after_seconds"] if own is None else own.get("no_data_after_seconds")
    after = settings["no_data_after_seconds"] if seconds is None else seconds
    return NoDataCriteria(after * NANOSECONDS, local_times(settings.get("times")))


def eras(rule: Rule, person: int) -> Eras:
    """What a rule about values asks of a person, and from when on; versions that ask the same are one era."""
    if rule.is_no_data:
        return ()
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
    """What the settings of a rule about values ask of a person; None where the rule does not apply to them."""
    own, condition = _override(settings, person), settings["condition"]
    if condition == "no_data" or not _applies(settings, person, own):
        return None
    threshold, clear = _thresholds(settings, own)
    return Criteria(
        condition,
        threshold,
        clear,
        settings.get("for_seconds", 600) * NANOSECONDS,
        settings.get("clear_after_seconds", 600) * NANOSECONDS,
        settings.get("max_gap_seconds", 300) * NANOSECONDS,
        round(settings.get("tolerance", 0.2) * PERMILLE),
        settings.get("activity") == "resting",
        local_times(settings.get("times")),
    )


def _override(settings: AlarmRuleRequest, person: int) -> OverrideDocument | None:
    return next((it for it in settings.get("overrides", ()) if it["user_id"] == person), None)


def _applies(settings: AlarmRuleRequest, person: int, own: OverrideDocument | None) -> bool:
    people = settings.get("people") or ()
    return (not people or person in people) and not (own is not None and own.get("off", False))


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
