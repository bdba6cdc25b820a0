"""What changed points make of the known episodes of one rule and person."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from heartguard_alarm.domain.criteria import Criteria, Eras
from heartguard_alarm.domain.episodes import Changes, Interval, Known, reconcile
from heartguard_alarm.domain.evaluation import EARLIEST_NS, Evaluator
from heartguard_alarm.domain.samples import Sample

LATEST_NS = 2**63
Read: TypeAlias = Callable[[Criteria, int, int], Iterable[Sample]]
"""The samples that count for the criteria in `[start, stop)`, in order of time; read as they are asked for."""


@dataclass(frozen=True)
class Changed:
    """Points from `first_ns` to `last_ns`, both inclusive, that were stored, replaced or removed."""

    first_ns: int
    last_ns: int


def reach_ns(eras: Eras) -> int:
    """How far before a changed point episodes and samples may lie that are needed to evaluate it."""
    return max((era.criteria.reach_ns for era in eras if era.criteria), default=0)


def restore(eras: Eras, known: Sequence[Known], time_ns: int) -> Evaluator:
    """The evaluator as it was before `time_ns`, without the samples: which episode was open, when the last one ended.

    `known` are in order of time, at least those that had not ended by `time_ns - reach_ns(eras)`.
    """
    evaluator = Evaluator(eras)
    for _, interval in known:
        if interval.raised_ns >= time_ns:
            break
        if interval.end_ns is None or interval.cleared_ns is None or interval.cleared_ns >= time_ns:
            evaluator.open = Interval(interval.start_ns, interval.raised_ns)
        else:
            evaluator.closed_ns = interval.end_ns
    return evaluator


def reevaluate(
    eras: Eras, known: Sequence[Known], changed: Changed, head_ns: int, read: Read
) -> tuple[Changes, Evaluator | None]:
    """Evaluate again from the first changed point up to `head_ns`, or until nothing is different any more.

    `known` are as `restore` needs them. Returns what changes, and the state after `head_ns`; None where the state that
    is already known there is still right, because the change had ended to matter before.
    """
    first_ns = max(changed.first_ns, eras[0].from_ns) if eras else LATEST_NS
    if first_ns > head_ns:
        return Changes(), None
    evaluator = restore(eras, known, first_ns)
    settled = [it for it in known if _settled(it.interval, first_ns)]
    found: list[Interval] = []
    for place, start_ns, stop_ns in _parts(eras, first_ns, head_ns + 1):
        found += evaluator.take((), place)
        criteria = eras[place].criteria
        if criteria is None:
            continue
        from_ns = eras[place].from_ns
        for sample in read(criteria, max(from_ns, start_ns - criteria.reach_ns), stop_ns):
            if sample.time_ns < start_ns:
                evaluator.follow(criteria, sample, from_ns)
                continue
            found += evaluator.take((sample,), place)
            if sample.time_ns > changed.last_ns + criteria.reach_ns and _agree(evaluator, known, sample.time_ns):
                return _with_rest(known, settled, found, sample.time_ns), None
    if evaluator.visible is not None:
        found.append(evaluator.visible)
    return reconcile(known[len(settled) :], found), evaluator


def advance(evaluator: Evaluator, known: Sequence[Known], changed: Changed, read: Read) -> Changes:
    """Go on with points that are all later than those that `evaluator` has seen; returns what changes.

    `known` has the episode that is open in the evaluator, if there is one, and may have earlier ones.
    """
    visible = evaluator.visible
    concerned = [it for it in known if visible is not None and it.interval.raised_ns == visible.raised_ns]
    found: list[Interval] = []
    for place, start_ns, stop_ns in _parts(evaluator.eras, changed.first_ns, changed.last_ns + 1):
        criteria = evaluator.eras[place].criteria
        found += evaluator.take(() if criteria is None else read(criteria, start_ns, stop_ns), place)
    if evaluator.visible is not None:
        found.append(evaluator.visible)
    return reconcile(concerned, found)


def _settled(interval: Interval, time_ns: int) -> bool:
    """Whether an episode had ended before a sample at `time_ns` could change it."""
    return interval.cleared_ns is not None and interval.cleared_ns < time_ns


def _parts(eras: Eras, start_ns: int, stop_ns: int) -> Iterator[tuple[int, int, int]]:
    """The parts of `[start_ns, stop_ns)` in which one era applies: its place, start and stop."""
    for place, era in enumerate(eras):
        until_ns = eras[place + 1].from_ns if place + 1 < len(eras) else LATEST_NS
        begin, end = max(era.from_ns, start_ns), min(until_ns, stop_ns)
        if begin < end:
            yield place, begin, end


def _agree(evaluator: Evaluator, known: Sequence[Known], time_ns: int) -> bool:
    """Whether the known episodes leave the same state after a sample as the new evaluation."""
    before = restore(evaluator.eras, known, time_ns + 1)
    floor_ns = max(EARLIEST_NS, time_ns - reach_ns(evaluator.eras))
    return before.open == evaluator.open and max(before.closed_ns, floor_ns) == max(evaluator.closed_ns, floor_ns)


def _with_rest(known: Sequence[Known], settled: Sequence[Known], found: list[Interval], time_ns: int) -> Changes:
    """The changes where from `time_ns` on all stays as it is known."""
    rest = [it for it in known[len(settled) :] if not _settled(it.interval, time_ns + 1)]
    concerned = [it for it in known[len(settled) :] if _settled(it.interval, time_ns + 1)]
    again = [it for it in found if not any(it.overlaps(other.interval) for other in rest)]
    return reconcile([*concerned, *rest], [*again, *(it.interval for it in rest)])
