"""Moves events from a queue into the audit trail."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_audit.domain.events import Entry, NotAnEventError, read_event
from heartguard_audit.ports import Journal, Queue
from heartguard_common.audit.events import AuditEvent
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.retry import AttemptError, RetryPolicy, reason_of
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner

QUEUE = "events"
# For an event that the trail can't store for an unknown reason: about half a minute, with the consumer's own pauses.
RETRY = RetryPolicy(max_attempts=20, first_delay=0.0, longest_delay=0.0)
# How many characters of a line that is not an event are kept; the longest event is shorter.
CONTENT_LENGTH = 1_000_000
Good = tuple[Entry, AuditEvent]
Refused = tuple[Entry, str]


@dataclass(frozen=True)
class EventIngest:
    """Moves events from a queue into the trail; an entry is removed from the queue after its event is committed.

    An entry that is not an event, or whose event the trail can't store, becomes a dead letter; the others are moved.
    """

    queue: Queue
    journal: Journal
    log: logging.Logger
    dead_letters: DeadLetterStore

    def step(self) -> int:
        """Move one batch; returns how many entries were taken. After an exception the batch is taken again."""
        taken = self.queue.take()
        good: list[Good] = []
        bad: list[Refused] = []
        for entry in taken:
            try:
                if entry.line is not None:
                    good.append((entry, read_event(entry.line)))
            except NotAnEventError as error:
                bad.append((entry, str(error)))
        for entry, why in (*bad, *self._add(good)):
            self._to_dead_letters(entry, why)
        self.queue.finish(taken)
        return len(taken)

    def _add(self, good: Sequence[Good]) -> list[Refused]:
        """Append all events together or, where that fails, one by one; returns those that were refused."""
        try:
            self.journal.add([event for _, event in good])
        except (ServiceError, OSError):
            raise
        except Exception:  # noqa: BLE001  the cause may be a single event
            return self._one_by_one(good)
        return []

    def _one_by_one(self, good: Sequence[Good]) -> list[Refused]:
        refused: list[Refused] = []
        failed: list[tuple[Entry, Exception]] = []
        for entry, event in good:
            try:
                self.journal.add([event])
            except NotAnEventError as error:
                refused.append((entry, str(error)))
            except (ServiceError, OSError):
                raise
            except Exception as error:  # noqa: BLE001  as above
                failed.append((entry, error))
        if failed and len(failed) == len(good):
            self._require_last_attempt(failed)
        return [*refused, *((entry, reason_of(error)) for entry, error in failed)]

    def _require_last_attempt(self, failed: Sequence[tuple[Entry, Exception]]) -> None:
        """Return if a single event has failed often enough to be given up; otherwise raise its error.

        The cause may be the journal: where several events fail, none of them is the cause.
        """
        entry, error = failed[0]
        if len(failed) > 1 or not self._items.failed(_name(entry), error).dead:
            raise error

    def _to_dead_letters(self, entry: Entry, why: str) -> None:
        self.log.error("an audit entry %s; it is a dead letter now", why)
        # As text that a column can hold.
        line = (entry.line or b"").decode(errors="backslashreplace").replace("\0", "\\0")[:CONTENT_LENGTH]
        self._items.failed(_name(entry), AttemptError(why, permanent=True), content=line)

    @property
    def _items(self) -> ItemRunner:
        return ItemRunner(self.dead_letters, QUEUE, RETRY)


def _name(entry: Entry) -> str:
    return entry.id.decode()
