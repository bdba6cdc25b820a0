"""Programs fail under steady mixed load: nothing acknowledged is lost, nothing is there twice, the rest goes on.

The short form takes the faults of `SHORT`; HEARTGUARD_FAULTS=all takes every program and every fault, and then three
times as many clients for 60 s. `pytest -s tests/faults` prints the table.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import pytest

from bench import sheet
from tests.clone import Clone
from tests.faults.faults import ALL, SHORT, Fault
from tests.faults.load import Load, Probe, WholeLoad
from tests.servers import until
from tests.system.killing import clone, member
from tests.system.trail import access_events, rows
from tests.system.writer import Member

__all__ = ["clone", "member"]

FAULTS: Sequence[Fault] = ALL if os.environ.get("HEARTGUARD_FAULTS") == "all" else SHORT
OVERLOAD_SECONDS = 60.0 if FAULTS is ALL else 3.0
CLIENTS = 3
ELSEWHERE_SECONDS = 2.0  # what an answer may take that needs nothing of what fails
RECOVERY_SECONDS = 20.0
EVER, AFTER = "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
pytestmark = [pytest.mark.timeout(240 + 30 * len(FAULTS)), pytest.mark.alone]


@dataclass(frozen=True)
class Outcome:
    """What one fault did: requests and refused of the load, lost and doubled things, seconds."""

    fault: str
    asked: int
    refused: int
    lost: int
    doubled: int
    elsewhere: float
    recovery: float


class Checker:
    """Compares what was acknowledged with what is stored."""

    def __init__(self, clone: Clone, load: WholeLoad) -> None:
        self._clone, self._load = clone, load
        self._files_seen: set[str] = set()

    def lost(self) -> list[str]:
        """Acknowledged points, names, access events, and files since the last look, that are not there."""
        points, events, name = self._load.acknowledged, self._load.events, self._load.names.acknowledged
        files = sorted(set(self._load.files.kept) - self._files_seen)
        missing = sorted(points - self._load.member.stored(EVER, AFTER)) + self._load.files.differ(files)
        self._files_seen.update(files)
        if not name <= self._load.names.stored() <= self._load.names.sent:
            missing.append(f"Person {name}")
        until(lambda: events <= set(access_events(self._load.member)), "the events of what was acknowledged")
        return missing

    def doubled(self) -> int:
        """How many points and access events are there more than once."""
        held = [rows(self._clone), access_events(self._load.member)]
        return sum(number - 1 for counter in held for number in counter.values())


def suffer(clone: Clone, load: WholeLoad, checker: Checker, fault: Fault) -> Outcome:
    """Inflict it, wait for the recovery, and look."""
    asked, refused = load.counts()
    with Probe(load.member, fault.elsewhere(clone)) as probe:
        fault.inflict(clone, fault.program)
        ended = time.monotonic()
        until(lambda: clone.all_ready() and writes(load), f"recovery from {fault}", RECOVERY_SECONDS)
        recovery = time.monotonic() - ended
    return outcome(str(fault), load, checker, (asked, refused), probe, recovery)


def overload(load: WholeLoad, checker: Checker, clone: Clone) -> Outcome:
    """Three times as many clients as there are all the time."""
    asked, refused = load.counts()
    more = Load(load.member, CLIENTS - 1)
    with Probe(load.member, f"{load.member.url}/gateway/health") as probe:
        with more:
            time.sleep(OVERLOAD_SECONDS)
        ended = time.monotonic()
        until(lambda: clone.all_ready() and writes(load), "recovery from overload", RECOVERY_SECONDS)
        recovery = time.monotonic() - ended
    assert more.acknowledged <= load.member.stored(EVER, AFTER)
    assert more.files.differ(sorted(more.files.kept)) == []
    others = more.counts()
    return outcome("three times the load", load, checker, (asked - others[0], refused - others[1]), probe, recovery)


def outcome(
    what: str,
    load: WholeLoad,
    checker: Checker,
    before: tuple[int, int],
    probe: Probe,
    recovery: float,
) -> Outcome:
    """The row of a fault. Whoever needs nothing of what failed must have noticed nothing."""
    assert probe.wrong == [], what
    asked, refused = (now - then for now, then in zip(load.counts(), before, strict=True))
    lost = checker.lost()
    assert lost == [], what
    return Outcome(what, asked, refused, len(lost), checker.doubled(), max(probe.seconds), recovery)


def writes(load: WholeLoad) -> bool:
    """Whether each writer is acknowledged again."""
    before = [len(writer.events) for writer in load.writers]
    time.sleep(0.3)
    return all(len(writer.events) > then for writer, then in zip(load.writers, before, strict=True))


def table(found: Sequence[Outcome]) -> str:
    """Markdown."""
    head = ("fault", "requests", "refused", "lost", "doubled", "worst elsewhere, s", "recovery, s")
    lines = [(*astuple(one)[:5], f"{one.elsewhere:.2f}", f"{one.recovery:.1f}") for one in found]
    return sheet.table(head, lines)


def test_nothing_acknowledged_is_lost_or_doubled_and_the_rest_goes_on(clone: Clone, member: Member) -> None:
    with WholeLoad(member) as load:
        until(lambda: writes(load), "the first writes")
        checker = Checker(clone, load)
        found = [suffer(clone, load, checker, fault) for fault in FAULTS]
        found.append(overload(load, checker, clone))
    print("\n" + table(found))
    assert {one.fault: one.doubled for one in found if one.doubled} == {}
    assert {one.fault: one.elsewhere for one in found if one.elsewhere > ELSEWHERE_SECONDS} == {}
    steps = Counter(point["fields"]["count"] for point in member.points(EVER, AFTER, measurement="steps"))
    assert steps == Counter(load.keyed.acknowledged)
