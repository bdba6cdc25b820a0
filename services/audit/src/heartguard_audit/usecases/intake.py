"""By what way events enter the trail."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_audit.domain.events import Entry, NotAnEventError, admitted
from heartguard_audit.ports import Journal, Queue
from heartguard_common.audit import AuditEvent
from heartguard_common.dead_letters import DeadLetterStore, Failure, Patience, reason_of
from heartguard_common.errors import ServiceError

QUEUE = "events"
# One event that the trail can't take for no reason that we know: half a minute of rounds, each slower than the last.
PATIENCE = Patience(attempts=20, first_seconds=0.0, longest_seconds=0.0)
# What is kept of a line that is no event: the longest event has less.
CONTENT_LENGTH = 1_000_000
Good = tuple[Entry, AuditEvent]
Refused = tuple[Entry, str]


@dataclass(frozen=True)
class Intake:
    """Moves events from a queue into the trail: first safe there, then gone here.

    What is no event, or is one that the trail can't take, is set aside as a dead letter, and the others move.
    """

    queue: Queue
    journal: Journal
    log: logging.Logger
    letters: DeadLetterStore

    def step(self) -> int:
        """Move one batch; returns how many entries were taken. What raises leaves the batch to be taken again."""
        taken = self.queue.take()
        good: list[Good] = []
        bad: list[Refused] = []
        for entry in taken:
            try:
                if entry.line is not None:
                    good.append((entry, admitted(entry.line)))
            except NotAnEventError as error:
                bad.append((entry, str(error)))
        for entry, why in (*bad, *self._add(good)):
            self._set_aside(entry, why)
        self.queue.finish(taken)
        return len(taken)

    def _add(self, good: Sequence[Good]) -> list[Refused]:
        """Append all, or find out one by one which of them can't be; returns those."""
        try:
            self.journal.add([event for _, event in good])
        except (ServiceError, OSError):
            raise
        except Exception:  # noqa: BLE001  whatever it is, it may be about one of them
            return self._one_by_one(good)
        return []

    def _one_by_one(self, good: Sequence[Good]) -> list[Refused]:
        refused: list[Refused] = []
        strange: list[tuple[Entry, Exception]] = []
        for entry, event in good:
            try:
                self.journal.add([event])
            except NotAnEventError as error:
                refused.append((entry, str(error)))
            except (ServiceError, OSError):
                raise
            except Exception as error:  # noqa: BLE001  as above
                strange.append((entry, error))
        if strange and len(strange) == len(good):
            self._require_patience(strange)
        return [*refused, *((entry, reason_of(error)) for entry, error in strange)]

    def _require_patience(self, strange: Sequence[tuple[Entry, Exception]]) -> None:
        """Return when an event has failed alone for long enough. Raises its error: the journal may be at fault.

        Where all of several events fail, no one of them is to blame.
        """
        entry, error = strange[0]
        if len(strange) > 1 or not self.letters.failed(Failure(QUEUE, _name(entry), reason_of(error)), PATIENCE).dead:
            raise error

    def _set_aside(self, entry: Entry, why: str) -> None:
        self.log.error("an audit entry %s; it was set aside", why)
        # As text that a column can hold. What it was before is of no use: it was no event.
        line = (entry.line or b"").decode(errors="backslashreplace").replace("\0", "\\0")[:CONTENT_LENGTH]
        self.letters.failed(Failure(QUEUE, _name(entry), why, lasting=True, content=line), PATIENCE)


def _name(entry: Entry) -> str:
    return entry.id.decode()
