"""Rules about missing data: random receipts, orders, batches, versions, outages and local times, as the reference."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartguard_alarm.domain.episodes import Interval, Known, reconcile
from heartguard_alarm.domain.local_times import LocalRange, LocalTimes
from heartguard_alarm.domain.no_data import (
    MINUTE_NS,
    MOST_SPANS,
    NoDataCriteria,
    NoDataEra,
    NoDataState,
    Outage,
    Receipt,
    dump_no_data,
    follow,
    load_no_data,
)
from tests.unit.alarm import no_data_reference as reference
from tests.unit.alarm.no_data_reference import Asked, Sample

LAST = 100
AFTER = 7


class Service:
    """The state, and the known episodes with their ids, as the service keeps them for one rule and person."""

    def __init__(self, eras: Sequence[NoDataEra], outages: Sequence[Outage] = ()) -> None:
        self.eras, self.outages = eras, outages
        self.state: NoDataState | None = None
        self.known: list[Known] = []
        self.raised = 0

    def take(self, samples: Sequence[Sample], now: int) -> None:
        """Take samples and evaluate at `now`; the state is stored as text in between."""
        state = None if self.state is None else load_no_data(dump_no_data(self.state))
        settled = self.eras[0].from_ns if state is None else state.settled_ns
        found = follow(self.eras, state, [Receipt(*it) for it in samples], self.outages, now)
        if found.state is None:
            return
        known = [it for it in self.known if it.interval.end_ns is None or it.interval.end_ns > settled]
        changes = reconcile(known, [it.interval for it in (*found.settled, *found.current)])
        gone = {*changes.withdrawn, *(it for it, _ in changes.merged)}
        now_known = {it.id: it.interval for it in self.known if it.id not in gone}
        now_known |= {episode: after for episode, _, after in changes.changed}
        for interval in changes.created:
            self.raised += 1
            now_known[str(self.raised)] = interval
        self.known = [Known(*it) for it in sorted(now_known.items(), key=lambda it: it[1].raised_ns)]
        assert all(not a.interval.overlaps(b.interval) for a, b in pairwise(self.known))
        found.state.forget()
        self.state = found.state

    @property
    def intervals(self) -> list[tuple[int, int | None]]:
        return [(it.interval.raised_ns, it.interval.end_ns) for it in self.known]


@st.composite
def recordings(draw: st.DrawFn) -> list[Sample]:
    """Samples that are received now and then, some of them late, some with a time in the future, some again."""
    found: list[Sample] = []
    received = 0
    for pause, lag in draw(st.lists(st.tuples(st.sampled_from([1, 1, 2, 5, 9, 25]), st.integers(-4, 12)))):
        received += pause
        if received > LAST:
            break
        found.append((received, received - lag))
    return found


@settings(max_examples=500, deadline=None)
@given(recordings(), st.data())
def test_any_order_batching_and_duplicates_give_the_episodes_of_the_reference(
    samples: list[Sample], data: st.DataObject
) -> None:
    service = Service([NoDataEra(0, NoDataCriteria(AFTER))])
    arriving = data.draw(st.permutations(samples + samples[:3]))
    while arriving:
        count = data.draw(st.integers(1, 6))
        service.take(arriving[:count], LAST)
        arriving = arriving[count:]
    assert service.intervals == reference.episodes(samples, AFTER, LAST)


@settings(max_examples=300, deadline=None)
@given(recordings(), st.sets(st.integers(0, LAST)))
def test_in_order_each_episode_is_raised_once_whenever_the_clock_is_looked_at(
    samples: list[Sample], looks: set[int]
) -> None:
    service = Service([NoDataEra(0, NoDataCriteria(AFTER))])
    for now in sorted({*looks, *(received for received, _ in samples), LAST}):
        service.take([it for it in samples if it[0] == now], now)
        assert service.intervals == reference.episodes([it for it in samples if it[0] <= now], AFTER, now)
    assert service.raised == len(service.known)


@settings(max_examples=500, deadline=None)
@given(recordings(), st.lists(st.tuples(st.integers(0, LAST), st.sampled_from([None, 3, 7, 7, 15]))), st.data())
def test_versions_apply_from_their_creation_on(
    samples: list[Sample], changes: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    versions = [Asked(0, AFTER), *(Asked(*it) for it in sorted(dict(changes).items()) if it[0] > 0)]
    eras: list[NoDataEra] = []
    for it in versions:
        criteria = None if it.after is None else NoDataCriteria(it.after)
        if not eras or eras[-1].criteria != criteria:
            eras.append(NoDataEra(it.since, criteria))
    service, rest = Service(eras), list(samples)
    while rest:
        count = data.draw(st.integers(1, 5))
        service.take(rest[:count], rest[:count][-1][0])
        rest = rest[count:]
    service.take((), LAST)
    assert service.intervals == reference.in_versions(samples, versions, LAST)


def test_a_sample_in_the_instant_of_a_version_ends_an_alarm_once() -> None:
    versions, samples = [Asked(0, AFTER), Asked(50, 3)], [(25, 19), (50, 54)]
    service = Service([NoDataEra(it.since, NoDataCriteria(it.after or 0)) for it in versions])
    for now in (50, LAST):
        service.take([it for it in samples if now == 50], now)
    assert service.intervals == reference.in_versions(samples, versions, LAST) == [(26, 50), (53, None)]


@settings(max_examples=300, deadline=None)
@given(recordings(), st.sets(st.integers(1, LAST), max_size=4), st.data())
def test_an_outage_raises_nothing(samples: list[Sample], bounds: set[int], data: st.DataObject) -> None:
    edges = sorted(bounds)
    outages = list(zip(edges[::2], edges[1::2], strict=False))
    service = Service([NoDataEra(0, NoDataCriteria(AFTER))], [Outage(*it) for it in outages])
    arriving = data.draw(st.permutations(samples))
    while arriving:
        count = data.draw(st.integers(1, 6))
        service.take(arriving[:count], LAST)
        arriving = arriving[count:]
    assert service.intervals == reference.episodes(samples, AFTER, LAST, outages=outages)


@settings(max_examples=200, deadline=None)
@given(recordings(), st.integers(0, 40), st.integers(1, 60))
def test_local_times(samples: list[Sample], begin: int, length: int) -> None:
    """One instant of the reference is a minute; the rule applies in a part of the day."""
    hours = LocalTimes("UTC", (LocalRange(frozenset(range(7)), begin, begin + length),))
    criteria = NoDataCriteria(AFTER * MINUTE_NS, hours)
    service = Service([NoDataEra(0, criteria)])
    service.take([(received * MINUTE_NS, time * MINUTE_NS) for received, time in samples], LAST * MINUTE_NS)
    found = [(due // MINUTE_NS, None if end is None else end // MINUTE_NS) for due, end in service.intervals]
    applies = lambda minute: begin <= minute < begin + length  # noqa: E731
    assert found == reference.episodes(samples, AFTER, LAST, applies)


@pytest.mark.parametrize(
    ("last", "due"),
    [
        ("2026-10-24T23:50+02:00", "2026-10-25T08:30+01:00"),  # in the night nothing is due
        ("2026-10-25T12:00+01:00", "2026-10-25T12:30+01:00"),
        ("2026-10-25T21:45+01:00", "2026-10-26T08:30+01:00"),  # it would be due at the end of the range
        ("2026-03-28T22:30+01:00", "2026-03-29T08:30+02:00"),
    ],
)
def test_a_person_who_is_silent_at_night_has_time_in_the_morning(last: str, due: str) -> None:
    day = LocalTimes("Europe/Madrid", (LocalRange(frozenset(range(7)), 8 * 60, 22 * 60 + 15),))
    newest, expected = (int(datetime.fromisoformat(it).timestamp()) * 10**9 for it in (last, due))
    assert NoDataCriteria(30 * MINUTE_NS, day).due_ns(newest, newest) == expected


def test_ranges_that_are_too_short_are_never_due() -> None:
    noon = LocalTimes("UTC", (LocalRange(frozenset(range(7)), 720, 740),))
    assert NoDataCriteria(21 * MINUTE_NS, noon).due_ns(0, 0) is None
    assert NoDataCriteria(19 * MINUTE_NS, noon).due_ns(0, 0) == 739 * MINUTE_NS


@pytest.mark.parametrize(("heard", "silent"), [((), "phone"), ((61,), "phone"), ((62,), "watch"), ((60, 90), "watch")])
def test_what_was_silent(heard: Sequence[int], silent: str) -> None:
    second = 10**9
    receipts = [Receipt(second, second), *(Receipt(it * second, None) for it in heard)]
    found = follow([NoDataEra(0, NoDataCriteria(100 * second))], None, receipts, (), 101 * second)
    assert [it.silent for it in found.current] == [silent]


def test_only_so_many_times_are_kept_apart() -> None:
    service = Service([NoDataEra(0, NoDataCriteria(AFTER))])
    for number in range(3 * MOST_SPANS):
        service.take([(20 * number + 1, 20 * number + 1)], 20 * number + 1)
    assert service.state is not None
    assert len(service.state.spans) == MOST_SPANS
    assert len(service.known) == 3 * MOST_SPANS - 1
    assert service.known[0].interval == Interval(8, 8, 21, 21)
