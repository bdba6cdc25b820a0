"""What the use cases of audit need from outside."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_audit.domain import Entry, Recorded, Search
from heartguard_common.audit import AuditEvent


class Trail(Protocol):
    """The one way into the trail, which every service uses."""

    def record(self, event: AuditEvent) -> None:
        """Make an event safe. Raises OSError when nothing takes it."""


class Events(Protocol):
    """The trail as it can be read."""

    def find(self, org_id: int | None, event_id: str) -> Recorded | None:
        """An event of one organization's trail (None: of no organization)."""

    def page(self, search: Search, limit: int) -> list[Recorded]:
        """At most `limit` events, newest first."""


class Journal(Protocol):
    """The trail as it is written."""

    def add(self, events: Sequence[AuditEvent]) -> int:
        """Append a batch, all or nothing, and return how many of its events were new.

        Raises `NotAnEventError` when the store refuses one for what it is, `ServiceError` GEN_503 when it is away.
        """


class Queue(Protocol):
    """The stream as a consumer sees it: what is taken and not finished comes again."""

    def take(self) -> list[Entry]:
        """The next batch, oldest first; waits a moment when there is none."""

    def finish(self, entries: Sequence[Entry]) -> None:
        """Forget entries whose events are safe."""

    def set_aside(self, entry: Entry, why: str) -> None:
        """Keep an entry that is no event apart, for people to look at, and forget it here."""
