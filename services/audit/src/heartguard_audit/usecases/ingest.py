"""Moves events from a queue into the audit trail."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_audit.domain.events import Entry, NotAnEventError, admitted
from heartguard_audit.ports import Journal, Queue
from heartguard_common.audit.events import AuditEvent
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.retry import AttemptError, RetryPolicy, reason_of
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner

QUEUE = "events"
# One event that the trail can't store for an unknown reason: half a minute of attempts, with growing pauses.
RETRY = RetryPolicy(max_attempts=20, first_delay=0.0, longest_delay=0.0)
# What is kept of a line that is no event: the longest event has less.
CONTENT_LENGTH = 1_000_000
Good = tuple[Entry, AuditEvent]
Refused = tuple[Entry, str]


@dataclass(frozen=True)
class EventIngest:
    """Moves events from a queue into the trail: first safe there, then gone here.

    What is not an event, or is one that the trail can't store, becomes a dead letter, and the others are moved.
    """

    queue: Queue
    journal: Journal
    log: logging.Logger
    dead_letters: DeadLetterStore

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
            self._require_last_attempt(strange)
        return [*refused, *((entry, reason_of(error)) for entry, error in strange)]

    def _require_last_attempt(self, strange: Sequence[tuple[Entry, Exception]]) -> None:
        """Return when an event has failed alone for long enough. Else raises its error: the cause may be the journal.

        Where all of several events fail, the cause is none of them.
        """
        entry, error = strange[0]
        if len(strange) > 1 or not self._items.failed(_name(entry), error).dead:
            raise error

    def _set_aside(self, entry: Entry, why: str) -> None:
        self.log.error("an audit entry %s; it is a dead letter now", why)
        # As text that a column can hold. What it was before is of no use: it was no event.
        line = (entry.line or b"").decode(errors="backslashreplace").replace("\0", "\\0")[:CONTENT_LENGTH]
        self._items.failed(_name(entry), AttemptError(why, permanent=True), content=line)

    @property
    def _items(self) -> ItemRunner:
        return ItemRunner(self.dead_letters, QUEUE, RETRY)


def _name(entry: Entry) -> str:
    return entry.id.decode()
