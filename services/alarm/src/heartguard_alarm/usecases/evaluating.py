"""Evaluating changed points: the work that raises and clears alarms."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby

from heartguard_alarm.domain.changes import Change, Evaluated, State, Stored
from heartguard_alarm.domain.criteria import Criteria, Eras
from heartguard_alarm.domain.episodes import Changes as EpisodeChanges
from heartguard_alarm.domain.episodes import Known
from heartguard_alarm.domain.kept_state import dump_state, load_state
from heartguard_alarm.domain.reevaluation import Changed, advance, reach_ns, reevaluate
from heartguard_alarm.domain.rules import STEPS, Rule, eras
from heartguard_alarm.domain.samples import MINUTE_NS, Reading, Sample, samples_of
from heartguard_alarm.ports import AlarmAnnouncer, Changes, Episodes, Readings, Rules
from heartguard_alarm.usecases.escalating import Escalating
from heartguard_alarm.usecases.no_data import NoDataEvaluation, Store
from heartguard_alarm.usecases.shared_reads import SharedReads
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import Payload

# Ranges of one claim wait until all of its points are read: a small claim is evaluated sooner.
AT_ONCE = 100
IDLE_SECONDS = 0.5
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
        """Evaluate up to 100 ranges, and what is due; returns the seconds until the next step.

        Raises `ServiceCallError`. The ranges of a person whose evaluation fails are evaluated again after 15 seconds;
        they do not stop the others.
        """
        claimed = sorted(self._changes.claim(AT_ONCE), key=lambda it: (it.org_id, it.person))
        self._no_data.record_running()
        failed: Exception | None = None
        for (org_id, person), theirs in groupby(claimed, key=lambda it: (it.org_id, it.person)):
            try:
                self._evaluate(org_id, person, list(theirs))
            except Exception as error:  # noqa: BLE001  one person must not stop the others
                _log.exception("points of user:%s were not evaluated", person)
                failed = error
        more = self._no_data.step(self._storing)
        if failed is not None:
            raise failed
        return 0.0 if len(claimed) == AT_ONCE or more else IDLE_SECONDS

    def _evaluate(self, org_id: int, person: int, changes: Sequence[Change]) -> None:
        with self._storing() as store:
            if self._authority.admits(org_id, person):
                self._evaluate_rules(org_id, person, changes, store)
            self._episodes.done(org_id, [it.id for it in changes])

    @contextmanager
    def _storing(self) -> Iterator[Store]:
        """A transaction, and how to store in it what an evaluation has changed."""
        with self._transaction():
            happened = Counter[tuple[int, str]]()
            yield partial(self._store, happened)
            # At the end: the first stream of an organization waits for a transaction that has announced something.
            for (org_id, alarm_id), entries in happened.items():
                self._live.happened(org_id, alarm_id, entries)

    def _evaluate_rules(self, org_id: int, person: int, changes: Sequence[Change], store: Store) -> None:
        rules = self._rules.evaluated(org_id)
        self._no_data.evaluate(org_id, person, rules, changes, store)
        asked = [(it, eras(it, person)) for it in rules]
        asked = [(rule, theirs) for rule, theirs in asked if theirs]
        if not asked:
            return
        states = self._episodes.states(org_id, person)
        floor_ns = min(it.first_ns for it in changes) - MINUTE_NS - max(reach_ns(theirs) for _, theirs in asked)
        known = self._episodes.known(org_id, person, floor_ns)
        stored: dict[str, State] = {}
        reads = SharedReads(self._changes)
        for change in changes:
            reads.add_steps(change)
        for rule, theirs in sorted(asked, key=lambda it: -reach_ns(it[1])):  # the longest range first: others share it
            work = _Work(reads, rule, person, theirs, states.get(rule.id), known.get(rule.id, ()))
            for change in sorted(changes, key=lambda it: it.first_ns):
                for found in work.take(change):
                    head_ns = change.last_ns if work.state is None else work.state.head_ns
                    store(Evaluated(rule, person, max(change.last_ns, head_ns)), found)
                    again = self._episodes.known(org_id, person, floor_ns)
                    work.known = again.get(rule.id, ())
            if work.state is not None and work.state != states.get(rule.id):
                stored[rule.id] = work.state
        if stored:
            self._episodes.store_states(org_id, person, stored)

    def _store(self, happened: Counter[tuple[int, str]], evaluated: Evaluated, found: EpisodeChanges) -> None:
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
            happened[rule.org_id, transition.episode_id] += 1


class _Work:
    """The evaluation of one rule for one person."""

    def __init__(
        self,
        points: Readings,
        rule: Rule,
        person: int,
        theirs: Eras,
        state: State | None,
        known: Sequence[Known],
    ) -> None:
        self._points = points
        self._rule = rule
        self._person = person
        self._eras = theirs
        self.state = state
        self.known = known

    def take(self, change: Change) -> Iterator[EpisodeChanges]:
        """What a change makes of the known episodes: one value, or none where nothing changes."""
        changed = self._concerned(change)
        if changed is None:
            return
        held, read = self.state, partial(self._read, change)
        follows = held is not None and changed.first_ns > held.head_ns
        head_ns = changed.last_ns if held is None else max(held.head_ns, changed.last_ns)
        if held is not None and held.text is not None and follows:
            evaluator = load_state(held.text, self._eras)
            found = advance(evaluator, self.known, changed, read)
            self.state = State(head_ns, dump_state(evaluator))
        else:
            found, after = reevaluate(self._eras, self.known, changed, head_ns, read)
            if after is not None:
                self.state = State(head_ns, dump_state(after))
        if found.created or found.changed or found.merged or found.withdrawn:
            yield found

    def _concerned(self, change: Change) -> Changed | None:
        """The range of the rule's samples that a change concerns."""
        if change.measurement == self._rule.current.settings["measurement"]:
            return Changed(change.first_ns, change.last_ns)
        if change.measurement in self._rule.measurements:
            head_ns = change.last_ns if self.state is None else self.state.head_ns
            first_ns = change.first_ns // MINUTE_NS * MINUTE_NS
            last_ns = min(change.last_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS - 1, head_ns)
            return Changed(first_ns, last_ns) if first_ns <= last_ns else None
        return None

    def _read(self, change: Change, criteria: Criteria, start_ns: int, stop_ns: int) -> Iterator[Sample]:
        settings, org_id = self._rule.current.settings, self._rule.org_id
        measurement, name = settings["measurement"], settings["field"]
        for page in self._pages(change, measurement, start_ns, stop_ns):
            readings = [Reading(it.time_ns, it.values[name], it.active) for it in page if name in it.values]
            steps: Iterable[int] = ()
            if criteria.resting and any(it.active is None for it in readings):
                first_ns = readings[0].time_ns // MINUTE_NS * MINUTE_NS
                last_ns = readings[-1].time_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS
                found = self._points.readings(org_id, self._person, STEPS, first_ns, last_ns)
                steps = [it.time_ns for part in found for it in part if any(value > 0 for value in it.values.values())]
            yield from samples_of(criteria, readings, steps)

    def _pages(self, change: Change, measurement: str, start_ns: int, stop_ns: int) -> Iterator[Sequence[Stored]]:
        """The stored readings of a range, from the change itself where it has them all."""
        inside = change.first_ns <= start_ns and stop_ns <= change.last_ns + 1
        if inside and change.measurement == measurement and change.readings is not None:
            yield [it for it in change.readings if start_ns <= it.time_ns < stop_ns]
        else:
            yield from self._points.readings(self._rule.org_id, self._person, measurement, start_ns, stop_ns)
