"""The episodes of a rule about missing data, instant by instant from the definition in docs/alarms.md.

Times are small whole numbers, so that every instant can be looked at. No code of the service is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Asked:
    """What one version asks, from `since` on: no sample for `after`; None where the rule is off."""

    since: int
    after: int | None


Sample = tuple[int, int]
"""When it was received, and its time."""
Outage = tuple[int, int]


def version_at(versions: Sequence[Asked], instant: int) -> int | None:
    """What applies at an instant."""
    return next((it.after for it in reversed(versions) if it.since <= instant), None)


def times_with_data(samples: Sequence[Sample], after: int, begin: int, last: int) -> list[bool]:
    """At which instants until `last` a sample that arrived in time is younger than `after`."""
    counted = [(received, min(time, received)) for received, time in samples]
    counted = [(received, time) for received, time in counted if time + after > received]
    return [any(max(received, begin) <= now < time + after for received, time in counted) for now in range(last + 2)]


def episodes(
    samples: Sequence[Sample],
    after: int,
    last: int,
    applies: Callable[[int], bool] = lambda _: True,
    outages: Sequence[Outage] = (),
) -> list[tuple[int, int | None]]:
    """The episodes until `last` with one version that is on from the beginning; the end of one that is open is None."""
    alive = times_with_data(samples, after, 0, last)
    found: list[tuple[int, int | None]] = []
    now = next((it for it in range(last + 1) if alive[it]), last + 1)
    while now <= last:
        begin = now
        while now <= last and alive[now]:
            now += 1
        newest = now - after
        end = next((it for it in range(now, last + 1) if alive[it]), None)
        for began, ended in outages:  # the time in which nothing was evaluated does not count
            due = _due(newest, after, applies, last)
            if begin < ended and newest < ended and (due is None or began < due):
                newest = ended
        due = _due(newest, after, applies, last)
        if now <= last and due is not None and due < (last + 1 if end is None else end):
            found.append((due, end))
        now = last + 1 if end is None else end
    return found


def _due(newest: int, after: int, applies: Callable[[int], bool], last: int) -> int | None:
    """The first instant before which `after` instants passed without a sample, all of them when the rule applies."""
    return next(
        (it for it in range(newest + after, last + 1) if all(applies(past) for past in range(it - after, it + 1))), None
    )


def in_versions(samples: Sequence[Sample], versions: Sequence[Asked], last: int) -> list[tuple[int, int | None]]:
    """The episodes until `last` with several versions, by looking at each instant in turn."""
    found: list[tuple[int, int | None]] = []
    newest: int | None = None
    for before, now in pairwise(range(-1, last + 1)):
        after = version_at(versions, now)
        if after is None or version_at(versions, before) is None:
            newest = None
        for received, time in samples:
            if received == now and after is not None and min(time, received) + after > received:
                newest = min(time, received) if newest is None else max(newest, min(time, received))
        missing = after is not None and newest is not None and newest + after <= now
        is_open = bool(found) and found[-1][1] is None
        if missing and not is_open:
            found.append((now, None))
        if is_open and not missing:
            found[-1] = (found[-1][0], now)
    return found
