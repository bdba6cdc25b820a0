"""Episodes: the intervals in which a rule was violated, and what a new evaluation makes of the known ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Interval(NamedTuple):
    """An episode `[start_ns, end_ns)`; `end_ns` is None while it is open.

    `raised_ns` is the time of the sample that raised it, `cleared_ns` that of the sample that ended it, or of the
    version of the rule that did.
    """

    start_ns: int
    raised_ns: int
    end_ns: int | None = None
    cleared_ns: int | None = None

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two have an instant in common."""
        return (other.end_ns is None or self.start_ns < other.end_ns) and (
            self.end_ns is None or other.start_ns < self.end_ns
        )


class Known(NamedTuple):
    """An episode with its id."""

    id: str
    interval: Interval


@dataclass
class Changes:
    """What a new evaluation makes of the known episodes."""

    created: list[Interval] = field(default_factory=list)
    changed: list[tuple[str, Interval, Interval]] = field(default_factory=list)
    """Id, interval before, interval after."""
    merged: list[tuple[str, str | None]] = field(default_factory=list)
    """Id of the episode that ends to exist, and of the one that now has its time; None where that one is created."""
    withdrawn: list[str] = field(default_factory=list)


def reconcile(known: Sequence[Known], found: Sequence[Interval]) -> Changes:
    """Give the found intervals the ids of the known ones that they overlap. Both are in order of time.

    A found interval keeps the id of the earliest known one that overlaps it and was not taken by an earlier interval. A
    known one that is left is merged into the earliest found one that overlaps it, and withdrawn where there is none.
    """
    changes = Changes()
    taken: dict[int, int] = {}
    first = 0
    for place, interval in enumerate(found):
        while first < len(known) and _before(known[first].interval, interval):
            first += 1
        for number in range(first, len(known)):
            if not known[number].interval.overlaps(interval):
                break
            if number not in taken:
                taken[number] = place
                break
    ids = {place: known[number].id for number, place in taken.items()}
    for number, (episode_id, before) in enumerate(known):
        if number in taken:
            after = found[taken[number]]
            if after != before:
                changes.changed.append((episode_id, before, after))
            continue
        into = next((place for place, it in enumerate(found) if it.overlaps(before)), None)
        if into is None:
            changes.withdrawn.append(episode_id)
        else:
            changes.merged.append((episode_id, ids.get(into)))
    changes.created = [interval for place, interval in enumerate(found) if place not in ids]
    return changes


def _before(one: Interval, other: Interval) -> bool:
    return one.end_ns is not None and one.end_ns <= other.start_ns
