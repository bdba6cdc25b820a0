"""Shared reads give what the store gives, and ask it only for what no earlier range had."""

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from heartguard_alarm.domain.changes import Change, Stored
from heartguard_alarm.usecases.shared_reads import SharedReads

MINUTE = 60 * 10**9


class Store:
    """Readings at whole times, three on a page; counts how often it is asked."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times, self.asked, self.pages = sorted(times), 0, 0

    def readings(self, _: int, __: int, ___: str, start: int, stop: int) -> Iterator[Sequence[Stored]]:
        self.asked += 1
        found = [Stored(it, {"x": 1.0}, None) for it in self.times if start <= it < stop]
        for first in range(0, len(found), 3):
            self.pages += 1
            yield found[first : first + 3]


RANGES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.booleans()), max_size=6)


@given(st.sets(st.integers(0, 20)), RANGES)
def test_any_ranges_some_of_them_not_read_to_the_end(times: set[int], ranges: list[tuple[int, int, bool]]) -> None:
    shared = SharedReads(Store(sorted(times)))
    for start, stop, whole in ranges:
        pages = shared.readings(1, 2, "heart_rate", start, stop)
        if whole:
            assert [it.time_ns for page in pages for it in page] == [it for it in sorted(times) if start <= it < stop]
        else:
            next(pages, None)


def test_a_range_within_another_is_not_asked_for_again() -> None:
    store = Store(range(20))
    shared = SharedReads(store)
    next(shared.readings(1, 2, "heart_rate", 0, 20))
    assert store.pages == 1
    for start, stop in ((0, 20), (5, 20), (7, 9)):
        assert len([it for page in shared.readings(1, 2, "heart_rate", start, stop) for it in page]) == stop - start
    assert store.asked == 1
    list(shared.readings(1, 3, "heart_rate", 5, 6))
    assert store.asked == 2


def test_steps_that_come_with_a_change_are_known_for_its_minutes() -> None:
    store = Store([])
    shared = SharedReads(store)
    shared.add_steps(Change(1, 1, 2, "heart_rate", MINUTE + 5, 3 * MINUTE, (), 0, [2 * MINUTE]))
    assert [it.time_ns for page in shared.readings(1, 2, "steps", MINUTE, 4 * MINUTE) for it in page] == [2 * MINUTE]
    assert store.asked == 0
    list(shared.readings(1, 2, "steps", MINUTE, 4 * MINUTE + 1))
    assert store.asked == 1
