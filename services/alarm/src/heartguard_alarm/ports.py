"""What the use cases of the alarm service need from outside."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from heartguard_alarm.domain.alarms import Alarm, Filter, HistoryEntry
from heartguard_alarm.domain.changes import Change, Evaluated, State, Stored, Transition
from heartguard_alarm.domain.episodes import Changes as EpisodeChanges
from heartguard_alarm.domain.episodes import Known
from heartguard_alarm.domain.no_data import NoDataState, Outage
from heartguard_alarm.domain.rules import Rule, Version


class Rules(Protocol):
    """The store of rules."""

    def find(self, org_id: int, rule_id: str, *, lock: bool = False) -> Rule | None:
        """A rule, None for one that was deleted. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Rule]:
        """Up to `limit` rules with an id above `after`, by id, which is the order in which they were made."""

    def count(self, org_id: int) -> int:
        """How many rules an organization has."""

    def made_from(self, org_id: int) -> frozenset[str]:
        """The default rules that the organization has."""

    def add(self, org_id: int, rule_id: str, first: Version, made_from: str | None = None) -> Rule:
        """Store a new rule."""

    def add_version(self, rule: Rule, version: Version) -> Rule:
        """Store a new version of a rule; returns the rule with it."""

    def delete(self, rule: Rule, time_ns: int) -> None:
        """Mark a rule as deleted."""

    def evaluated(self, org_id: int) -> Sequence[Rule]:
        """The rules that points are evaluated by, which nobody changes until the transaction ends.

        These are all that were not deleted, and deleted ones that have an open episode.
        """

    def forget(self, org_id: int, user_id: int) -> int:
        """Remove a person from all versions of all rules; returns how many versions named them."""

    def erase(self, org_id: int) -> int:
        """Remove all rules of an organization, also deleted ones; returns how many."""


class Readings(Protocol):
    """Points that are stored."""

    def readings(
        self, org_id: int, person: int, measurement: str, start_ns: int, stop_ns: int
    ) -> Iterator[Sequence[Stored]]:
        """All readings of a person in `[start, stop)`, in order of time, in pages; an instant is on one page."""


class Changes(Readings, Protocol):
    """Points that have changed, and those that are stored."""

    def claim(self, limit: int) -> Sequence[Change]:
        """Up to `limit` changed ranges, which nobody else gets for a minute."""


class Episodes(Protocol):
    """The store of episodes, and of how far each rule and person has been evaluated."""

    def states(self, org_id: int, person: int) -> Mapping[str, State]:
        """The state of each rule of a person; nobody else evaluates the person until the transaction ends."""

    def known(self, org_id: int, person: int, floor_ns: int) -> Mapping[str, Sequence[Known]]:
        """By rule, in order of time, the episodes that are open or ended after `floor_ns`."""

    def store_states(self, org_id: int, person: int, states: Mapping[str, State]) -> None:
        """Store the states of rules of a person."""

    def apply(self, evaluated: Evaluated, changes: EpisodeChanges, now_ns: int) -> Sequence[Transition]:
        """Store what an evaluation has changed; returns the transitions."""

    def done(self, org_id: int, change_ids: Sequence[int]) -> None:
        """Remove changes that were evaluated."""

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove what is stored of an organization, or of one person; returns how many episodes."""


class DueTimes(Protocol):
    """The store of when data of people are missing."""

    def read(
        self, org_id: int, person: int, evaluated: Sequence[int]
    ) -> tuple[Mapping[str, NoDataState], frozenset[str]]:
        """The state of each rule of a person, and the measurements of which changes wait or are being written.

        Changes with an id of `evaluated` do not wait. Nobody else evaluates the person until the transaction ends.
        """

    def store(self, org_id: int, person: int, states: Mapping[str, tuple[NoDataState, int | None]]) -> None:
        """Store the states of rules of a person, each with when to look at it again; None: not before a change."""

    def due(self, now_ns: int, limit: int) -> Sequence[tuple[int, int]]:
        """Organization and number of people of whom up to `limit` rules are due, those of the longest due ones."""

    def postpone(self, org_id: int, person: int, until_ns: int) -> None:
        """Look at the rules of a person that are due no earlier than at `until_ns`."""

    def forget(self, org_id: int, person: int, kept: Collection[str] = ()) -> None:
        """Remove what is known of a person, except for the rules `kept`."""

    def record_running(self, now_ns: int) -> None:
        """Record that changes are being evaluated now. Who does not do so for a minute has had an outage."""

    def outages(self) -> Sequence[Outage]:
        """All outages, in order of time."""


class Alarms(Protocol):
    """Episodes as people see them."""

    def find(self, org_id: int, alarm_id: str, *, lock: bool = False) -> Alarm | None:
        """An alarm of an organization. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, wanted: Filter, before: str | None, limit: int) -> Sequence[Alarm]:
        """Up to `limit` alarms with an id below `before`, the greatest first."""

    def history(self, org_id: int, alarm_id: str, limit: int) -> Sequence[HistoryEntry]:
        """The last `limit` transitions of an alarm, oldest first."""

    def record(self, alarm: Alarm, entry: HistoryEntry) -> None:
        """Store what a person did with an alarm, in its history and, except for a note, in the alarm itself."""
