"""Evaluating rules about missing data: by what is received, and by the clock."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

from heartguard_alarm.domain.changes import Change, Evaluated
from heartguard_alarm.domain.episodes import Changes as EpisodeChanges
from heartguard_alarm.domain.episodes import reconcile
from heartguard_alarm.domain.no_data import Followed, NoDataEra, NoDataState, Outage, Receipt, follow
from heartguard_alarm.domain.rules import Rule, asked_of, no_data_eras
from heartguard_alarm.ports import Changes, DueTimes, Episodes, Rules
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.identity.authority import Authority

AT_ONCE = 500
RECORD_NS = 5 * NANOSECONDS
AGAIN_NS = 60 * NANOSECONDS
WAITING_NS = 5 * NANOSECONDS
"""Who has changes that wait is looked at when they are evaluated, and after this time whatever has become of them."""
Store: TypeAlias = Callable[[Evaluated, EpisodeChanges], None]
"""Stores what an evaluation has changed, in the same transaction."""
Storing: TypeAlias = Callable[[], AbstractContextManager[Store]]
"""A transaction for an evaluation."""
_log = logging.getLogger("heartguard.alarm")


class NoDataEvaluation:
    """Takes what is received of people, and says when nothing has been received for too long."""

    def __init__(
        self,
        points: Changes,
        rules: Rules,
        episodes: Episodes,
        due_times: DueTimes,
        *,
        authority: Authority,
        clock: Clock,
    ) -> None:
        self._points = points
        self._rules = rules
        self._episodes = episodes
        self._due_times = due_times
        self._authority = authority
        self._clock = clock
        self._recorded_ns = -RECORD_NS
        self._outages: Sequence[Outage] = ()

    def record_running(self) -> None:
        """Record that changes are being evaluated: the time in which they are not is an outage.

        Called before each evaluation, so that after an outage all of them are known.
        """
        now_ns = self._clock.now_ns()
        if not 0 <= now_ns - self._recorded_ns < RECORD_NS:
            self._due_times.record_running(now_ns)
            self._outages = self._due_times.outages()
            self._recorded_ns = now_ns

    def step(self, storing: Storing) -> bool:
        """Look at up to 500 rules and people that are due; returns whether more may be.

        One that fails is looked at again after a minute and does not stop the others; its error is raised at the end.
        """
        failed: Exception | None = None
        now_ns = self._clock.now_ns()
        due = self._due_times.due(now_ns, AT_ONCE)
        for org_id, person in due:
            try:
                self._look(org_id, person, storing)
            except Exception as error:  # noqa: BLE001  one person must not stop the others
                _log.exception("missing data of user:%s were not evaluated", person)
                self._due_times.postpone(org_id, person, now_ns + AGAIN_NS)
                failed = error
        if failed is not None:
            raise failed
        return len(due) == AT_ONCE

    def _look(self, org_id: int, person: int, storing: Storing) -> None:
        with storing() as store:
            rules = self._rules.evaluated(org_id) if self._authority.admits(org_id, person) else ()
            self._due_times.forget(org_id, person, [it.id for it in rules])
            self.evaluate(org_id, rules, {person: ()}, store)

    def evaluate(
        self, org_id: int, rules: Sequence[Rule], changes: Mapping[int, Sequence[Change]], store: Store
    ) -> None:
        """Evaluate the rules about missing data for people, inside a transaction, with changes that were received.

        Nothing is raised while other changes of a person wait: they may have the data that seem to be missing.
        """
        asked = asked_of(rules, changes, no_data_eras)
        if not asked:
            return
        evaluated = (it.id for person in asked for it in changes[person])
        known = self._due_times.read(org_id, asked, evaluated)
        stored: dict[tuple[int, str], tuple[NoDataState, int | None]] = {}
        for person, theirs in asked.items():
            for rule, its_eras in theirs:
                kept = self._follow(rule, its_eras, changes[person], person, known[person], store)
                if kept is not None:
                    stored[person, rule.id] = kept
        if stored:
            self._due_times.store(org_id, stored)

    def _follow(
        self,
        rule: Rule,
        its_eras: Sequence[NoDataEra],
        changes: Sequence[Change],
        person: int,
        known: tuple[Mapping[str, NoDataState], frozenset[str]],
        store: Store,
    ) -> tuple[NoDataState, int | None] | None:
        """The state after changes, and when to look at it again; None where there is none."""
        state, now_ns = known[0].get(rule.id), self._clock.now_ns()
        receipts = [it for it in (self._receipt(rule, its_eras, change) for change in changes) if it is not None]
        found = follow(its_eras, state, receipts, self._outages, now_ns)
        if found.state is None or (state is None and not found.state.spans and not found.settled):
            return None
        waits = rule.current.settings["measurement"] in known[1]
        if not waits or found.settled:
            settled_ns = its_eras[0].from_ns if state is None else state.settled_ns
            self._apply(Evaluated(rule, person, now_ns), settled_ns, found, store, may_raise=not waits)
            found.state.forget()
        return found.state, max(found.due_ns or 0, now_ns + WAITING_NS) if waits else found.due_ns

    def _apply(self, evaluated: Evaluated, settled_ns: int, found: Followed, store: Store, *, may_raise: bool) -> None:
        """Store how episodes after `settled_ns` have changed; `may_raise`: also one that begins to be open."""
        rule, state, missing = evaluated.rule, found.state, [*found.settled, *found.current]
        bounds = [(it.raised_ns, it.end_ns) for it in missing]
        if state is None or bounds == state.stored:
            return
        person = evaluated.person
        known = self._episodes.known(rule.org_id, {person: settled_ns}).get((person, rule.id), ())
        if not may_raise and missing and missing[-1].end_ns is None and all(it.interval.end_ns for it in known):
            missing.pop()
        changes = reconcile(known, [it.interval for it in missing])
        if changes.created or changes.changed or changes.merged or changes.withdrawn:
            store(evaluated._replace(missing=missing), changes)
        state.stored = bounds[len(found.settled) :] if len(bounds) == len(missing) else []

    def _receipt(self, rule: Rule, asked: Sequence[NoDataEra], change: Change) -> Receipt | None:
        """What a change says about data of a person; None where nothing was received: points were removed."""
        readings = change.readings
        if readings is not None and not readings:
            return None
        if change.measurement != rule.current.settings["measurement"]:
            return Receipt(change.received_ns, None)
        if readings is None:
            longest_ns = max(it.criteria.after_ns for it in asked if it.criteria is not None)
            bounds = max(change.first_ns, change.received_ns - longest_ns), change.last_ns + 1
            pages = self._points.readings(rule.org_id, change.person, change.measurement, *bounds)
            readings = [it for page in pages for it in page] if bounds[0] < bounds[1] else ()
        name = rule.current.settings["field"]
        newest_ns = next((it.time_ns for it in reversed(readings) if name in it.values), None)
        return Receipt(change.received_ns, newest_ns)
