"""What the use cases of audit need from outside."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from heartguard_audit.domain.chain import Head, Link, Prover, Signed, Statement
from heartguard_audit.domain.events import Entry, Recorded, Search
from heartguard_common.audit.events import AuditEvent
from heartguard_common.jobs.deletion_list import Deletion


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

    def readings(self, org_id: int, person: str, before: int | None, limit: int) -> list[Recorded]:
        """At most `limit` events in which somebody else read data of a person (`user:12`), newest first."""


class Journal(Protocol):
    """The trail as it is written."""

    def add(self, events: Sequence[AuditEvent]) -> int:
        """Append a batch, all or nothing, and return how many of its events were new.

        Raises `NotAnEventError` when the store refuses one for what it is, `ServiceError` GEN_503 when it is
        unavailable.
        """


class Queue(Protocol):
    """The stream, or the outbox, as a consumer sees it: what is taken and not finished comes again."""

    def take(self) -> list[Entry]:
        """The next batch, oldest first; may wait a moment when there is none."""

    def finish(self, entries: Sequence[Entry]) -> None:
        """Remove entries whose events are stored or are dead letters."""


class Sealer(Protocol):
    """Who makes the keyed hash of an event's hash."""

    def seal(self, digest: bytes) -> bytes:
        """The seal of one event."""


class Signer(Prover, Protocol):
    """Who signs statements about chains."""

    def sign(self, statement: Statement) -> Signed:
        """The statement with its signature."""


class Moment(Protocol):
    """The ledger as it stood at one moment."""

    def chains(self) -> list[int | None]:
        """Organizations that have events or statements; None is the chain of no organization."""

    def knows(self, org_id: int) -> bool:
        """Whether there is or was such an organization."""

    def statements(self, org_id: int | None) -> list[Signed]:
        """What was signed about a chain, in the order of sequence."""

    def all_statements(self) -> list[Signed]:
        """What was signed about any chain, oldest first."""

    def head(self, org_id: int | None) -> Head:
        """Where a chain ends."""

    def links(self, org_id: int | None, after: int) -> Iterator[Link]:
        """The events of a chain behind a sequence, in order."""


class Ledger(Protocol):
    """The chains and what was signed about them."""

    def snapshot(self) -> AbstractContextManager[Moment]:
        """Everything as it stands now. Raises GEN_503 when the store is unavailable."""

    def unmarked(self) -> list[tuple[int | None, Head]]:
        """The chains that have grown since their last checkpoint, and where they end."""

    def add(self, said: Sequence[Signed]) -> None:
        """Keep signed statements."""


class Remover(Protocol):
    """The one way out of the trail."""

    def remove(self, org_id: int | None, upto: int) -> int:
        """Remove the events of a chain up to a sequence; returns how many there were."""


class CheckpointLog(Protocol):
    """Signed statements where no role of the database reaches."""

    def read(self) -> list[Signed]:
        """All of them."""

    def of(self, org_id: int | None) -> list[Signed]:
        """Those about one chain."""

    def append(self, said: Sequence[Signed]) -> None:
        """Add some; they are safe when this returns. Raises OSError."""


class Deletions(Protocol):
    """The list of deletions where no role of the database reaches."""

    def append(self, deletions: Sequence[Deletion]) -> None:
        """Add some; they are safe when this returns. Raises OSError."""
