"""What a fault did to a system under load: what was acknowledged is compared with what is stored."""

import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from bench import report
from tests.chaos.good_items import Queues
from tests.chaos.load import Load, Probe
from tests.clone import Clone
from tests.servers import until
from tests.system.trail import access_events, rows

ELSEWHERE_SECONDS = 2.0  # what an answer may take that needs nothing of what fails
RECOVERY_SECONDS = 20.0
EVER, AFTER = "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


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

    def __init__(self, clone: Clone, load: Load, queues: Queues | None = None) -> None:
        self._clone, self._load, self._queues = clone, load, queues
        self._files_seen: set[str] = set()

    def lost(self) -> list[str]:
        """Acknowledged points, names, access events, and files since the last look, that are not there."""
        points, events, name = self._load.acknowledged, self._load.events, self._load.names.acknowledged
        missing = sorted(points - self._load.member.stored(EVER, AFTER))
        for uploads in (self._load.files, self._load.announced):
            files = sorted(set(uploads.kept) - self._files_seen)
            missing += uploads.differ(files)
            self._files_seen.update(files)
        if not name <= self._load.names.stored() <= self._load.names.sent:
            missing.append(f"Person {name}")
        until(lambda: events <= set(access_events(self._load.member)), "the events of what was acknowledged")
        return missing

    def require_arrived(self) -> None:
        """Return when all e-mails until now have arrived, and an archive. Raises TimeoutError when a recovery is over.

        Nothing is waited for where no queues are looked at.
        """
        if self._queues is not None:
            self._queues.require_arrived(RECOVERY_SECONDS)

    def doubled(self) -> int:
        """How many points and access events are there more than once."""
        held = [rows(self._clone), access_events(self._load.member)]
        return sum(number - 1 for counter in held for number in counter.values())


def outcome(
    what: str,
    load: Load,
    checker: Checker,
    before: tuple[int, int],
    probe: Probe,
    recovery: float,
) -> Outcome:
    """The row of a fault. Whoever needs nothing of what failed must have noticed nothing."""
    assert probe.wrong == [], what
    asked, refused = (now - then for now, then in zip(load.counts(), before, strict=True))
    checker.require_arrived()
    lost = checker.lost()
    assert lost == [], what
    return Outcome(what, asked, refused, len(lost), checker.doubled(), max(probe.seconds), recovery)


def writes(load: Load) -> bool:
    """Whether each writer is acknowledged again."""
    before = [len(writer.events) for writer in load.writers]
    time.sleep(0.3)
    return all(len(writer.events) > then for writer, then in zip(load.writers, before, strict=True))


def table(found: Sequence[Outcome]) -> str:
    """Markdown."""
    head = ("fault", "requests", "refused", "lost", "doubled", "worst elsewhere, s", "recovery, s")
    lines = [(*astuple(one)[:5], f"{one.elsewhere:.2f}", f"{one.recovery:.1f}") for one in found]
    return report.table(head, lines)
