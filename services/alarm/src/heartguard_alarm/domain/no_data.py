"""The condition `no_data`: for how long nothing has come, by the clock of the server.

docs/alarms.md has the definition; `tests/unit/alarm/no_data_reference.py` computes the same from it without any state.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from heartguard_alarm.domain.episodes import Interval
from heartguard_alarm.domain.local_times import NANOSECONDS, LocalTimes

Silent = Literal["phone", "watch"]
MINUTE_NS = 60 * NANOSECONDS
WEEK_MINUTES = 8 * 1440
"""A week and a day, in which the clocks may change: where no range is long enough in that time, none is."""
MOST_SPANS = 16
"""Times with data of one era that are kept apart; what was received before them settles nothing any more."""
SAME_UPLOAD_NS = 60 * NANOSECONDS
"""What is received so soon after the newest sample belongs to the same upload, or is its repetition."""


@dataclass(frozen=True)
class NoDataCriteria:
    """What a version asks: no sample for `after_ns`, at local times `times`, None for always."""

    after_ns: int
    times: LocalTimes | None = None

    def due_ns(self, newest_ns: int, earliest_ns: int) -> int | None:
        """The first instant, not before `earliest_ns`, at which data are missing if no sample follows `newest_ns`.

        The `after_ns` before it are without a sample and at local times of the rule. None where no range of a week is
        so long.
        """
        if self.times is None:
            return max(newest_ns + self.after_ns, earliest_ns)
        begin_ns: int | None = None
        first = max(newest_ns, earliest_ns - self.after_ns) // MINUTE_NS
        for minute in range(first, first + WEEK_MINUTES + self.after_ns // MINUTE_NS):
            if not self.times.contain(minute * MINUTE_NS):
                begin_ns = None
                continue
            begin_ns = max(minute * MINUTE_NS, newest_ns) if begin_ns is None else begin_ns
            due_ns = max(begin_ns + self.after_ns, earliest_ns)
            if due_ns < (minute + 1) * MINUTE_NS:
                return due_ns
        return None


class NoDataEra(NamedTuple):
    """From `from_ns` on, until the next era, `criteria` apply to one person; with None the rule is off for them."""

    from_ns: int
    criteria: NoDataCriteria | None


class Receipt(NamedTuple):
    """Something of a person was received; `newest_ns` is the time of its newest sample, None without one."""

    received_ns: int
    newest_ns: int | None


class Outage(NamedTuple):
    """From `began_ns` to `ended_ns` this system did not evaluate, perhaps not receive either."""

    began_ns: int
    ended_ns: int


class Span(NamedTuple):
    """A time with data: from the receipt of its first sample until data are missing after its newest one.

    `received_ns` is the receipt of the newest sample, `heard_ns` the last one of anything of the person.
    """

    first_ns: int
    newest_ns: int
    received_ns: int
    heard_ns: int


class NoData(NamedTuple):
    """An episode: data were missing from `raised_ns` to `end_ns`, None while they are."""

    raised_ns: int
    end_ns: int | None
    silent: Silent
    last_sample_ns: int

    @property
    def interval(self) -> Interval:
        """The bounds of the episode."""
        return Interval(self.raised_ns, self.raised_ns, self.end_ns, self.end_ns)


@dataclass
class NoDataState:
    """What is known of one rule and person in the era that began at `from_ns`.

    Receipts before `floor_ns` are not told apart any more. `opened` is the episode that was open when the era began;
    it ends with the first of `spans`. Without either the person takes no part, until a sample arrives in time.
    """

    from_ns: int
    floor_ns: int
    opened: NoData | None = None
    spans: list[Span] = field(default_factory=list)
    stored: list[tuple[int, int | None]] = field(default_factory=list)
    """Beginning and end of the episodes since `floor_ns` that were stored last."""

    @property
    def settled_ns(self) -> int:
        """Episodes that ended until then can't change. `opened` may end at `floor_ns`, and then no other one does."""
        return self.floor_ns if self.opened is None else self.floor_ns - 1

    def add(self, criteria: NoDataCriteria, receipt: Receipt) -> None:
        """Take a receipt. Its sample counts if it arrived less than `after_ns` after its time."""
        received_ns, newest_ns = receipt
        if newest_ns is not None:
            newest_ns = min(newest_ns, received_ns)
            first_ns = max(received_ns, self.floor_ns)
            if newest_ns + criteria.after_ns > first_ns:
                self._unite(criteria, Span(first_ns, newest_ns, received_ns, received_ns))
                return
        for place in reversed(range(len(self.spans))):
            span = self.spans[place]
            if span.first_ns <= received_ns:
                self.spans[place] = span._replace(heard_ns=max(span.heard_ns, received_ns))
                return

    def _unite(self, criteria: NoDataCriteria, added: Span) -> None:
        """Add a span; those that it overlaps or touches become one with it."""
        apart: list[Span] = []
        spans = self.spans
        if spans and spans[-1].first_ns <= added.first_ns:
            apart, spans = spans[:-1], spans[-1:]
        for it in spans:
            if it.newest_ns + criteria.after_ns < added.first_ns or added.newest_ns + criteria.after_ns < it.first_ns:
                apart.append(it)
                continue
            newest = max(added, it, key=lambda span: (span.newest_ns, -span.received_ns))
            first_ns, heard_ns = min(added.first_ns, it.first_ns), max(added.heard_ns, it.heard_ns)
            added = newest._replace(first_ns=first_ns, heard_ns=heard_ns)
        self.spans = sorted([*apart, added])

    def episodes(self, criteria: NoDataCriteria, outages: Sequence[Outage], until_ns: int) -> Sequence[NoData]:
        """The episodes that were raised before `until_ns`, in order of time; only the last one may be open."""
        found: list[NoData] = []
        if self.opened is not None:
            found.append(self.opened._replace(end_ns=self.spans[0].first_ns if self.spans else None))
        for place, span in enumerate(self.spans):
            end_ns = self.spans[place + 1].first_ns if place + 1 < len(self.spans) else None
            due_ns, _ = due_after(criteria, span, outages)
            if due_ns is not None and due_ns < (until_ns if end_ns is None else end_ns):
                silent: Silent = "watch" if span.heard_ns - span.received_ns > SAME_UPLOAD_NS else "phone"
                found.append(NoData(due_ns, end_ns, silent, span.newest_ns))
        return found

    def forget(self) -> None:
        """Keep only the last spans apart."""
        if len(self.spans) > MOST_SPANS:
            self.spans, self.opened = self.spans[-MOST_SPANS:], None
            self.floor_ns = self.spans[0].first_ns


def due_after(criteria: NoDataCriteria, span: Span, outages: Sequence[Outage]) -> tuple[int | None, int]:
    """When data are missing after a span, and since when they have been: an outage of this system does not count."""
    since_ns = span.newest_ns
    due_ns = criteria.due_ns(since_ns, span.first_ns)
    for began_ns, ended_ns in outages:
        if span.first_ns < ended_ns and since_ns < ended_ns and (due_ns is None or began_ns < due_ns):
            since_ns = ended_ns
            due_ns = criteria.due_ns(since_ns, span.first_ns)
    return due_ns, since_ns


@dataclass
class Followed:
    """What has become of a state: the episodes of eras that are over, the state now, and when to look again."""

    settled: list[NoData]
    state: NoDataState | None
    current: Sequence[NoData] = ()
    due_ns: int | None = None


def follow(
    eras: Sequence[NoDataEra],
    state: NoDataState | None,
    receipts: Sequence[Receipt],
    outages: Sequence[Outage],
    now_ns: int,
) -> Followed:
    """Go on with receipts, in any order within an era, up to `now_ns`. `eras` and `outages` are in order of time."""
    settled: list[NoData] = []
    state = None if state is None else replace(state, spans=list(state.spans))
    for receipt in sorted(receipts):
        state = _advance(eras, state, receipt.received_ns, outages, settled)
        era = _era_at(eras, receipt.received_ns if state is None else max(receipt.received_ns, state.from_ns))
        if era is None or era.criteria is None:
            continue
        if state is None:
            state = NoDataState(era.from_ns, era.from_ns)
        state.add(era.criteria, receipt)
    state = _advance(eras, state, now_ns, outages, settled)
    era = None if state is None else _era_at(eras, state.from_ns)
    if state is None or era is None or era.criteria is None:
        return Followed(settled, state)
    current = state.episodes(era.criteria, outages, now_ns + 1)
    due_ns = None
    if state.spans and not (current and current[-1].end_ns is None):
        due_ns, _ = due_after(era.criteria, state.spans[-1], outages)
    return Followed(settled, state, current, due_ns)


def _era_at(eras: Sequence[NoDataEra], time_ns: int) -> NoDataEra | None:
    return next((it for it in reversed(eras) if it.from_ns <= time_ns), None)


def _advance(
    eras: Sequence[NoDataEra],
    state: NoDataState | None,
    time_ns: int,
    outages: Sequence[Outage],
    settled: list[NoData],
) -> NoDataState | None:
    """The state in the era of `time_ns`; adds the episodes of the eras before that are over."""
    for former, era in _changes(eras, state, time_ns):
        if state is not None:
            state = _begin(former, era, state, outages, settled)
    return state


def _changes(
    eras: Sequence[NoDataEra], state: NoDataState | None, time_ns: int
) -> Iterator[tuple[NoDataEra | None, NoDataEra]]:
    """Each era that began after that of the state until `time_ns`, with the one before."""
    if state is not None:
        former = _era_at(eras, state.from_ns)
        for era in eras:
            if state.from_ns < era.from_ns <= time_ns:
                yield former, era
                former = era


def _begin(
    former: NoDataEra | None, era: NoDataEra, state: NoDataState, outages: Sequence[Outage], settled: list[NoData]
) -> NoDataState:
    """The state as an era begins. An open episode stays open where data are missing by the new criteria too."""
    begun = NoDataState(era.from_ns, era.from_ns)
    if former is None or former.criteria is None:
        return begun
    found = list(state.episodes(former.criteria, outages, era.from_ns))
    opened = found.pop() if found and found[-1].end_ns is None else None
    settled += found
    last = state.spans[-1] if state.spans else None
    if last is not None:
        newest_ns = due_after(former.criteria, last, outages)[1]
    elif opened is not None:
        newest_ns = opened.last_sample_ns
    else:
        return begun
    due_ns = None if era.criteria is None else era.criteria.due_ns(newest_ns, newest_ns)
    if opened is not None and due_ns is not None and due_ns <= era.from_ns:
        begun.opened = opened
        return begun
    if opened is not None:
        settled.append(opened._replace(end_ns=era.from_ns))
    if era.criteria is not None:
        received_ns, heard_ns = (era.from_ns, era.from_ns) if last is None else (last.received_ns, last.heard_ns)
        begun.spans = [Span(era.from_ns, newest_ns, received_ns, heard_ns)]
    return begun


def dump_no_data(state: NoDataState) -> str:
    """The document of a state."""
    document = {
        "from": state.from_ns,
        "floor": state.floor_ns,
        "opened": state.opened,
        "spans": state.spans,
        "stored": state.stored,
    }
    return json.dumps(document, separators=(",", ":"))


def load_no_data(text: str) -> NoDataState:
    """The state of a document that `dump_no_data` has made."""
    document = json.loads(text)
    opened = None if document["opened"] is None else NoData(*document["opened"])
    stored = [(raised_ns, end_ns) for raised_ns, end_ns in document["stored"]]
    return NoDataState(document["from"], document["floor"], opened, [Span(*it) for it in document["spans"]], stored)
