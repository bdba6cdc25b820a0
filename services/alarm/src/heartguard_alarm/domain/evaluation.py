"""The evaluation of one rule for one person, sample by sample in order of event time.

docs/alarms.md has the definition; `tests/unit/alarm/reference.py` computes the same from it without any state.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from heartguard_alarm.domain.criteria import PERMILLE, Criteria, Eras, Level, off_after
from heartguard_alarm.domain.episodes import Interval
from heartguard_alarm.domain.samples import Sample, Samples

EARLIEST_NS = -(2**63)


@dataclass
class Window:
    """How long a level held in the last `length_ns` of a run."""

    level: Level
    length_ns: int
    spans: deque[tuple[int, int]] = field(default_factory=deque)
    held_ns: int = 0

    def add(self, begin_ns: int, end_ns: int, level: Level) -> None:
        """`level` held from `begin_ns` to `end_ns`, which is now the end of the window."""
        if level is self.level and begin_ns < end_ns:
            self.held_ns += end_ns - begin_ns
            if self.spans and self.spans[-1][1] == begin_ns:
                begin_ns = self.spans.pop()[0]
            self.spans.append((begin_ns, end_ns))
        self._trim(end_ns - self.length_ns)

    def _trim(self, start_ns: int) -> None:
        while self.spans and self.spans[0][0] < start_ns:
            begin_ns, end_ns = self.spans.popleft()
            self.held_ns -= min(end_ns, start_ns) - begin_ns
            if end_ns > start_ns:
                self.spans.appendleft((start_ns, end_ns))
                return

    def holds(self, tolerance: int) -> bool:
        """Whether the level held for at least the rest of the length after `tolerance` thousandths."""
        return self.held_ns * PERMILLE >= (PERMILLE - tolerance) * self.length_ns


@dataclass
class Evaluator:
    """The state of one rule and person after the sample at `position_ns`; None before the first one.

    `run_ns` is the time of the first sample of the run. `open` is the episode that has not ended, `closed_ns` the end
    of the one before.
    """

    eras: Eras
    open: Interval | None = None
    closed_ns: int = EARLIEST_NS
    position_ns: int | None = None
    run_ns: int | None = None
    level: Level = Level.BETWEEN
    above: Window = field(default_factory=lambda: Window(Level.BREACH, 0))
    clear: Window = field(default_factory=lambda: Window(Level.CLEAR, 0))

    def take(self, samples: Iterable[Sample], era: int) -> Sequence[Interval]:
        """Go on with samples of one era that are later than all before; returns the episodes that ended."""
        criteria = self.eras[era].criteria
        ended = list(self.switch_off(self.eras[era].from_ns))
        if criteria is None:
            return ended
        for sample in self._decisive(criteria, samples):
            self.follow(criteria, sample, self.eras[era].from_ns)
            ended += self._judge(criteria, sample)
        return ended

    def _decisive(self, criteria: Criteria, samples: Iterable[Sample]) -> Iterator[Sample]:
        """The samples without those that can't raise or end an episode, and leave the same state without them.

        In a run in which all values lie at one level, a window holds another level less and less. So where that level
        is not the one that the next change needs, and the window does not hold that now, only the first and the last
        sample matter, and enough of the others that no pause ends the run.
        """
        if not isinstance(samples, Samples) or samples.extremes is None:
            yield from samples
            return
        lowest, highest = map(criteria.level, samples.extremes)
        if lowest is not highest or samples.longest_pause_ns > criteria.max_gap_ns:
            yield from samples
            return
        yield samples[0]
        window = self.above if self.open is None else self.clear
        if lowest is window.level or (window.length_ns > 0 and window.holds(criteria.tolerance)):
            yield from samples[1:]
        elif len(samples) > 1:
            reached_ns = samples[0].time_ns
            for sample, following in pairwise(samples[1:]):
                if following.time_ns - reached_ns > criteria.max_gap_ns:
                    yield sample
                    reached_ns = sample.time_ns
            yield samples[-1]

    @property
    def visible(self) -> Interval | None:
        """The episode that no sample has ended: open, or up to the time at which the rule was switched off."""
        off_ns = None if self.open is None else off_after(self.eras, self.open.raised_ns)
        return self.open if self.open is None or off_ns is None else Interval(*self.open[:2], off_ns, off_ns)

    def switch_off(self, time_ns: int) -> Sequence[Interval]:
        """End the open episode where the rule is off at some time until `time_ns`; returns what ended."""
        visible = self.visible
        if visible is None or visible.end_ns is None or visible.end_ns > time_ns:
            return ()
        return (self._end(visible.end_ns, visible.end_ns),)

    def follow(self, criteria: Criteria, sample: Sample, from_ns: int) -> None:
        """Extend the run up to a sample, or begin one with it: after a pause, and with each era."""
        level = criteria.level(sample.value)
        position = self.position_ns
        continues = (
            position is not None
            and self.run_ns is not None
            and self.run_ns >= from_ns
            and sample.time_ns - position <= criteria.max_gap_ns
        )
        if position is None or not continues:
            self.run_ns = sample.time_ns
            self.above = Window(Level.BREACH, criteria.for_ns)
            self.clear = Window(Level.CLEAR, criteria.clear_after_ns)
        else:
            self.above.add(position, sample.time_ns, self.level)
            self.clear.add(position, sample.time_ns, self.level)
        self.position_ns, self.level = sample.time_ns, level

    def _judge(self, criteria: Criteria, sample: Sample) -> Sequence[Interval]:
        """Raise or end an episode at a sample; returns what ended."""
        time_ns, for_ns = sample.time_ns, criteria.for_ns
        if self.open is None and time_ns - for_ns >= self.closed_ns and self._qualifies(self.above, criteria):
            self.open = Interval(time_ns - for_ns, time_ns)
        if self.open is None or not self._qualifies(self.clear, criteria):
            return ()
        end_ns = time_ns - criteria.clear_after_ns
        if end_ns < self.open.raised_ns or end_ns <= self.open.start_ns:
            return ()
        return (self._end(end_ns, time_ns),)

    def _qualifies(self, window: Window, criteria: Criteria) -> bool:
        if window.length_ns == 0:
            return self.level is window.level
        if self.run_ns is None or self.position_ns is None or self.run_ns > self.position_ns - window.length_ns:
            return False
        return window.holds(criteria.tolerance)

    def _end(self, end_ns: int, cleared_ns: int) -> Interval:
        ended = Interval(*(self.open or Interval(0, 0))[:2], end_ns, cleared_ns)
        self.open, self.closed_ns = None, end_ns
        return ended
