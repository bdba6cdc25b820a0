"""Evaluating changed points: the work that raises and clears alarms."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

from heartguard_alarm.domain.changes import Change, Evaluated, PersonRange, State, Stored
from heartguard_alarm.domain.criteria import Criteria, Eras
from heartguard_alarm.domain.episodes import Changes as EpisodeChanges
from heartguard_alarm.domain.episodes import Known
from heartguard_alarm.domain.evaluation import Evaluator
from heartguard_alarm.domain.kept_state import dump_state, load_state
from heartguard_alarm.domain.reevaluation import Changed, advance, reach_ns, reevaluate
from heartguard_alarm.domain.rules import STEPS, Rule, asked_of, eras
from heartguard_alarm.domain.samples import MINUTE_NS, Reading, Sample, Samples, samples_of
from heartguard_alarm.ports import AlarmAnnouncer, Changes, Episodes, Rules
from heartguard_alarm.usecases.escalating import Escalating
from heartguard_alarm.usecases.no_data import NoDataEvaluation, Store
from heartguard_alarm.usecases.shared_reads import SharedReads
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import Payload

# Ranges of one claim wait until all of its points are read: a small claim is evaluated sooner.
AT_ONCE = 200
TOGETHER = 50
"""People that are evaluated in one transaction."""
IDLE_SECONDS = 0.5
Asked: TypeAlias = Mapping[int, Sequence[tuple[Rule, Eras]]]
"""By person, the rules about values that apply to them."""
_log = logging.getLogger("heartguard.alarm")


class Evaluating:
    """Takes changed ranges, evaluates the rules of their organization, and removes them with what that changes."""

    def __init__(
        self,
        changes: Changes,
        rules: Rules,
        episodes: Episodes,
        no_data: NoDataEvaluation,
        escalating: Escalating,
        *,
        live: AlarmAnnouncer,
        authority: Authority,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._changes = changes
        self._rules = rules
        self._episodes = episodes
        self._no_data = no_data
        self._live = live
        self._escalating = escalating
        self._authority = authority
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def step(self) -> float:
        """Evaluate up to 200 ranges, and what is due; returns the seconds until the next step.

        Raises `ServiceCallError`. The ranges of a person whose evaluation fails are evaluated again after 15 seconds;
        they do not stop the others.
        """
        claimed = self._changes.claim(AT_ONCE)
        self._no_data.record_running()
        failed: Exception | None = None
        for org_id, changes in _groups(claimed):
            try:
                self._evaluate(org_id, changes)
            except Exception:  # noqa: BLE001  one person must not stop the others
                failed = self._evaluate_each(org_id, changes) or failed
        more = self._no_data.step(self._storing)
        if failed is not None:
            raise failed
        return 0.0 if len(claimed) == AT_ONCE or more else IDLE_SECONDS

    def _evaluate_each(self, org_id: int, changes: Mapping[int, Sequence[Change]]) -> Exception | None:
        """Evaluate people by themselves who could not be evaluated together; returns the last failure."""
        failed: Exception | None = None
        for person, theirs in changes.items():
            try:
                self._evaluate(org_id, {person: theirs})
            except Exception as error:  # noqa: BLE001
                _log.exception("points of user:%s were not evaluated", person)
                failed = error
        return failed

    def _evaluate(self, org_id: int, changes: Mapping[int, Sequence[Change]]) -> None:
        """Evaluate people of an organization in one transaction."""
        with self._storing() as store:
            admitted = self._authority.admits_each(org_id, changes)
            theirs = {person: its_changes for person, its_changes in changes.items() if person in admitted}
            if theirs:
                rules = self._rules.evaluated(org_id)
                self._no_data.evaluate(org_id, rules, theirs, store)
                self._evaluate_values(org_id, rules, theirs, store)
            self._episodes.done(org_id, (it.id for its_changes in changes.values() for it in its_changes))

    @contextmanager
    def _storing(self) -> Iterator[Store]:
        """A transaction, and how to store in it what an evaluation has changed."""
        with self._transaction():
            happened: dict[int, Counter[str]] = defaultdict(Counter)
            yield partial(self._store, happened)
            # At the end: the first stream of an organization waits for a transaction that has announced something.
            for org_id, alarms in happened.items():
                self._live.happened(org_id, alarms)

    def _evaluate_values(
        self, org_id: int, rules: Sequence[Rule], changes: Mapping[int, Sequence[Change]], store: Store
    ) -> None:
        asked = asked_of(rules, changes, eras)
        if not asked:
            return
        states = self._episodes.states(org_id, asked)
        floors = {
            person: min(it.first_ns for it in changes[person]) - MINUTE_NS - max(reach_ns(it) for _, it in theirs)
            for person, theirs in asked.items()
        }
        known = self._episodes.known(org_id, floors)
        read_before = self._read_before(org_id, asked, changes, states, floors)
        stored: dict[tuple[int, str], State] = {}
        for person, theirs in asked.items():
            reads = SharedReads(self._changes)
            for it, readings in read_before[person]:
                reads.add(org_id, it, readings)
            for change in changes[person]:
                reads.add_steps(change)
            # The one that looks back furthest first: others share what it has read.
            for rule, its_eras in sorted(theirs, key=lambda it: -reach_ns(it[1])):
                place = person, rule.id
                work = _Work(reads, rule, person, its_eras, states.get(place), known.get(place, ()))
                self._take(work, rule, person, changes[person], floors[person], store)
                state = work.state
                if state is not None and state != states.get(place):
                    stored[place] = state
        if stored:
            self._episodes.store_states(org_id, stored)

    def _take(
        self, work: "_Work", rule: Rule, person: int, changes: Sequence[Change], floor_ns: int, store: Store
    ) -> None:
        for change in sorted(changes, key=lambda it: it.first_ns):
            if work.known is None:
                work.known = self._episodes.known(rule.org_id, {person: floor_ns}).get((person, rule.id), ())
            changed = work.take(change)
            if changed is not None:
                store(Evaluated(rule, person, max(change.last_ns, work.head_ns or change.last_ns)), changed)
                work.known = None

    def _read_before(
        self,
        org_id: int,
        asked: Asked,
        changes: Mapping[int, Sequence[Change]],
        states: Mapping[tuple[int, str], State],
        floors: Mapping[int, int],
    ) -> Mapping[int, Sequence[tuple[PersonRange, Sequence[Stored]]]]:
        """What is stored around changes that do not follow what was evaluated, of all people in one question."""
        ranges: list[PersonRange] = []
        for person, theirs in asked.items():
            known = [states.get((person, rule.id)) for rule, _ in theirs]
            heads = [it.head_ns for it in known if it is not None and it.text is not None]
            first_ns, last_ns = min(it.first_ns for it in changes[person]), max(it.last_ns for it in changes[person])
            if len(heads) < len(theirs) or first_ns <= max(heads):
                bounds = floors[person] // MINUTE_NS * MINUTE_NS, max([last_ns, *heads]) // MINUTE_NS * MINUTE_NS
                needed = frozenset(it for rule, _ in theirs for it in rule.measurements)
                ranges += [PersonRange(person, it, bounds[0], bounds[1] + MINUTE_NS) for it in sorted(needed)]
        found: dict[int, list[tuple[PersonRange, Sequence[Stored]]]] = defaultdict(list)
        # One person alone asks for what is needed, when it is.
        if len(asked) > 1:
            for it, readings in zip(ranges, self._changes.short(org_id, ranges), strict=True):
                if readings is not None:
                    found[it.person].append((it, readings))
        return found

    def _store(self, happened: Mapping[int, Counter[str]], evaluated: Evaluated, found: EpisodeChanges) -> None:
        """Store what an evaluation has changed; `happened` counts the transitions of each episode."""
        rule = evaluated.rule
        payload: Payload = {"rule": rule.id, "user": evaluated.person}
        reopened = {it for it, before, after in found.changed if before.end_ns is not None and after.end_ns is None}
        for transition in self._episodes.apply(evaluated, found, self._clock.now_ns()):
            name = f"alarm.{transition.kind}"
            self._audit.changed(None, name, f"alarm:{transition.episode_id}", org_id=rule.org_id, payload=payload)
            if transition.kind == "raised":
                self._escalating.raised(rule, transition.episode_id)
            elif transition.episode_id in reopened:
                self._escalating.reopened(rule, transition.episode_id)
            happened[rule.org_id][transition.episode_id] += 1


class _Work:
    """The evaluation of one rule for one person; `known` are their episodes, None where they must be read again."""

    def __init__(
        self,
        reads: SharedReads,
        rule: Rule,
        person: int,
        theirs: Eras,
        state: State | None,
        known: Sequence[Known],
    ) -> None:
        self._reads = reads
        self._rule = rule
        self._person = person
        self._eras = theirs
        self._kept = state
        self._evaluator: Evaluator | None = None
        self.head_ns = None if state is None else state.head_ns
        self.known: Sequence[Known] | None = known

    @property
    def state(self) -> State | None:
        """The state after all changes that were taken."""
        if self._evaluator is None or self.head_ns is None:
            return self._kept
        return State(self.head_ns, dump_state(self._evaluator))

    def take(self, change: Change) -> EpisodeChanges | None:
        """What a change makes of the known episodes; None where nothing changes."""
        changed = self._concerned(change)
        if changed is None:
            return None
        known, head_ns, read = self.known or (), self.head_ns, partial(self._read, change)
        evaluator = self._following(head_ns is not None and changed.first_ns > head_ns)
        if evaluator is not None:
            found = advance(evaluator, known, changed, read)
            self.head_ns = changed.last_ns
        else:
            last_ns = changed.last_ns if head_ns is None else max(head_ns, changed.last_ns)
            found, after = reevaluate(self._eras, known, changed, last_ns, read)
            if after is not None:
                self._evaluator, self.head_ns = after, last_ns
        return found if found.created or found.changed or found.merged or found.withdrawn else None

    def _following(self, follows: bool) -> Evaluator | None:
        """The evaluator after all that was taken, to go on with; None where points must be read again."""
        if not follows:
            return None
        if self._evaluator is None and self._kept is not None and self._kept.text is not None:
            self._evaluator = load_state(self._kept.text, self._eras)
        return self._evaluator

    def _concerned(self, change: Change) -> Changed | None:
        """The range of the rule's samples that a change concerns."""
        if change.measurement == self._rule.current.settings["measurement"]:
            return Changed(change.first_ns, change.last_ns)
        if change.measurement in self._rule.measurements:
            head_ns = change.last_ns if self.head_ns is None else self.head_ns
            first_ns = change.first_ns // MINUTE_NS * MINUTE_NS
            last_ns = min(change.last_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS - 1, head_ns)
            return Changed(first_ns, last_ns) if first_ns <= last_ns else None
        return None

    def _read(self, change: Change, criteria: Criteria, start_ns: int, stop_ns: int) -> Iterable[Sample]:
        measurement, name = self._rule.current.settings["measurement"], self._rule.current.settings["field"]
        inside = change.first_ns <= start_ns and stop_ns <= change.last_ns + 1
        if not (inside and change.measurement == measurement and change.readings is not None):
            pages = self._reads.readings(self._rule.org_id, self._person, measurement, start_ns, stop_ns)
            return (sample for page in pages for sample in self._samples(criteria, page, name))
        its_readings = change.readings
        # Rules that differ only in thresholds and durations look at the same samples.
        key = change.id, name, criteria.condition, criteria.resting, criteria.times, start_ns, stop_ns
        return self._reads.made(
            key,
            lambda: self._samples(criteria, [it for it in its_readings if start_ns <= it.time_ns < stop_ns], name),
        )

    def _samples(self, criteria: Criteria, stored: Iterable[Stored], name: str) -> Samples:
        """The samples of readings in order of time, with the steps that say which of them count."""
        readings = [Reading(it.time_ns, it.values[name], it.active) for it in stored if name in it.values]
        steps: Iterable[int] = ()
        if criteria.resting and any(it.active is None for it in readings):
            first_ns = readings[0].time_ns // MINUTE_NS * MINUTE_NS
            last_ns = readings[-1].time_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS
            found = self._reads.readings(self._rule.org_id, self._person, STEPS, first_ns, last_ns)
            steps = [it.time_ns for part in found for it in part if any(value > 0 for value in it.values.values())]
        return samples_of(criteria, readings, steps)


def _groups(claimed: Iterable[Change]) -> Iterator[tuple[int, Mapping[int, Sequence[Change]]]]:
    """Changes by organization and person, of so many people that one transaction is for them."""
    found: dict[int, dict[int, list[Change]]] = {}
    for it in claimed:
        found.setdefault(it.org_id, {}).setdefault(it.person, []).append(it)
    for org_id, theirs in found.items():
        people = sorted(theirs)
        for first in range(0, len(people), TOGETHER):
            yield org_id, {person: theirs[person] for person in people[first : first + TOGETHER]}
