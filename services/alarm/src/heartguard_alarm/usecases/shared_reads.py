"""Readings that several rules ask for while one person is evaluated, asked for once."""

from collections.abc import Callable, Hashable, Iterator, Sequence

from heartguard_alarm.domain.changes import Change, PersonRange, Stored
from heartguard_alarm.domain.rules import STEPS
from heartguard_alarm.domain.samples import MINUTE_NS, Samples
from heartguard_alarm.ports import Readings


class _Pages:
    """The pages of a range, which are read as they are needed and kept."""

    def __init__(self, start_ns: int, stop_ns: int, pages: Iterator[Sequence[Stored]]) -> None:
        self.start_ns = start_ns
        self.stop_ns = stop_ns
        self._rest = pages
        self._read: list[Sequence[Stored]] = []

    def between(self, start_ns: int, stop_ns: int) -> Iterator[Sequence[Stored]]:
        """The readings in `[start, stop)`, page by page."""
        place = 0
        while place < len(self._read) or self._go_on():
            page = self._read[place]
            found = [it for it in page if start_ns <= it.time_ns < stop_ns]
            if found:
                yield found
            if page and page[-1].time_ns >= stop_ns:
                return
            place += 1

    def _go_on(self) -> bool:
        page = next(self._rest, None)
        if page is not None:
            self._read.append(page)
        return page is not None


class SharedReads:
    """Gives readings of `points`; what a range has that was asked for before is not read again.

    For the evaluation of one person: what is stored later is not seen.
    """

    def __init__(self, points: Readings) -> None:
        self._points = points
        self._known: dict[tuple[int, int, str], list[_Pages]] = {}
        self._made: dict[Hashable, Samples] = {}

    def add_steps(self, change: Change) -> None:
        """Make known the steps that were read with a change: those in the minutes of its range."""
        if change.steps is not None:
            start_ns = change.first_ns // MINUTE_NS * MINUTE_NS
            stop_ns = change.last_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS
            steps = [Stored(it, {"count": 1.0}, None) for it in change.steps]
            self.add(change.org_id, PersonRange(change.person, STEPS, start_ns, stop_ns), steps)

    def add(self, org_id: int, found: PersonRange, readings: Sequence[Stored]) -> None:
        """Make known all readings of a range."""
        pages = _Pages(found.start_ns, found.stop_ns, iter([readings]))
        self._of(org_id, found.person, found.measurement).append(pages)

    def made(self, key: Hashable, make: Callable[[], Samples]) -> Samples:
        """What `make` returned when it was called with this key first."""
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
        return found

    def _of(self, org_id: int, person: int, measurement: str) -> list[_Pages]:
        return self._known.setdefault((org_id, person, measurement), [])

    def readings(
        self, org_id: int, person: int, measurement: str, start_ns: int, stop_ns: int
    ) -> Iterator[Sequence[Stored]]:
        """All readings of a person in `[start, stop)`, in order of time, in pages."""
        known = self._of(org_id, person, measurement)
        for it in known:
            if it.start_ns <= start_ns and stop_ns <= it.stop_ns:
                return it.between(start_ns, stop_ns)
        pages = _Pages(start_ns, stop_ns, self._points.readings(org_id, person, measurement, start_ns, stop_ns))
        known.append(pages)
        return pages.between(start_ns, stop_ns)
