"""By what way events enter the trail."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_audit.domain.events import Entry, NotAnEventError, admitted
from heartguard_audit.ports import Journal, Queue
from heartguard_common.audit import AuditEvent


@dataclass(frozen=True)
class Intake:
    """Moves events from a queue into the trail: first safe there, then gone here."""

    queue: Queue
    journal: Journal
    log: logging.Logger

    def step(self) -> int:
        """Move one batch; returns how many entries were taken. What raises leaves the batch to be taken again."""
        taken = self.queue.take()
        good: list[tuple[Entry, AuditEvent]] = []
        bad: list[tuple[Entry, NotAnEventError]] = []
        gone = [entry for entry in taken if entry.line is None]
        for entry in taken:
            try:
                if entry.line is not None:
                    good.append((entry, admitted(entry.line)))
            except NotAnEventError as error:
                bad.append((entry, error))
        refused = self._add(good)
        for entry, why in (*bad, *refused):
            self.log.error("an audit entry %s; it was set aside", why)
            self.queue.set_aside(entry, str(why))
        poison = {entry.id for entry, _ in refused}
        self.queue.finish([*(entry for entry, _ in good if entry.id not in poison), *gone])
        return len(taken)

    def _add(self, good: Sequence[tuple[Entry, AuditEvent]]) -> list[tuple[Entry, NotAnEventError]]:
        """Append all, or find out one by one which of them can't be; returns those."""
        refused = []
        try:
            self.journal.add([event for _, event in good])
        except NotAnEventError:
            for entry, event in good:
                try:
                    self.journal.add([event])
                except NotAnEventError as error:
                    refused.append((entry, error))
        return refused
