"""What the use cases of audit need from outside."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from heartguard_audit.domain.backups import LastBackup
from heartguard_audit.domain.chain import ChainLink, Head, SignedStatement, Statement, VerifyingKeys
from heartguard_audit.domain.events import Entry, Recorded, Search
from heartguard_common.audit.events import AuditEvent
from heartguard_common.jobs.deletion_list import Deletion


class Trail(Protocol):
    """Sends events to the trail, in the way in which every service does."""

    def record(self, event: AuditEvent) -> None:
        """Store an event durably. Raises OSError when neither outbox, Redis nor spool takes it."""


class Events(Protocol):
    """The trail as it can be read."""

    def find(self, org_id: int | None, event_id: str) -> Recorded | None:
        """An event of one organization's trail (None: of no organization)."""

    def page(self, search: Search, limit: int) -> list[Recorded]:
        """At most `limit` events, newest first."""

    def readings(self, org_id: int, person: str, before: int | None, limit: int) -> list[Recorded]:
        """At most `limit` events in which somebody else read data of a person (`user:12`), newest first."""


class Backups(Protocol):
    """The backups of the system."""

    def last(self) -> LastBackup:
        """What became of the last one. Raises GEN_503 where that can't be read."""


class Journal(Protocol):
    """The trail as it is written."""

    def add(self, events: Sequence[AuditEvent]) -> int:
        """Append a batch, all or nothing, and return how many of its events were new.

        Raises `NotAnEventError` when the store refuses a value of one of them, `ServiceError` GEN_503 when it is
        unavailable.
        """


class Queue(Protocol):
    """The stream, or the outbox, as the consumer reads it: entries that are not finished are delivered again."""

    def take(self) -> list[Entry]:
        """The next batch, oldest first; may wait up to 200 ms when there is none."""

    def finish(self, entries: Sequence[Entry]) -> None:
        """Remove entries whose events are stored or are dead letters."""


class Sealer(Protocol):
    """Makes seals: keyed hashes of events' hashes."""

    def seal(self, digest: bytes) -> bytes:
        """The seal of one event."""


class SigningKeys(VerifyingKeys, Protocol):
    """Signs and verifies statements about chains."""

    def sign(self, statement: Statement) -> SignedStatement:
        """The statement with its signature."""


class Snapshot(Protocol):
    """The chains as they were at one moment."""

    def chains(self) -> list[int | None]:
        """Organizations that have events or statements; None is the chain of no organization."""

    def knows(self, org_id: int) -> bool:
        """Whether the organization exists or has existed."""

    def statements(self, org_id: int | None) -> list[SignedStatement]:
        """The signed statements about a chain, in the order of sequence."""

    def all_statements(self) -> list[SignedStatement]:
        """The signed statements about all chains, oldest first."""

    def head(self, org_id: int | None) -> Head:
        """The newest event of a chain."""

    def links(self, org_id: int | None, after: int) -> Iterator[ChainLink]:
        """The events of a chain after the sequence `after`, in order."""


class ChainStore(Protocol):
    """The chains and the signed statements about them."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A consistent view of everything as it is now. Raises GEN_503 when the store is unavailable."""

    def unsigned_heads(self) -> list[tuple[int | None, Head]]:
        """The chains that have grown since their last checkpoint, each with its newest event."""

    def add(self, statements: Sequence[SignedStatement]) -> None:
        """Store signed statements."""


class Remover(Protocol):
    """Removes events from the trail; nothing else does."""

    def remove(self, org_id: int | None, upto: int) -> int:
        """Remove the events of a chain up to the sequence `upto`; returns how many there were."""


class CheckpointLog(Protocol):
    """Signed statements outside of the database, where no database role can change them."""

    def read(self) -> list[SignedStatement]:
        """All statements."""

    def of(self, org_id: int | None) -> list[SignedStatement]:
        """The statements about one chain."""

    def append(self, statements: Sequence[SignedStatement]) -> None:
        """Add statements; they are on the disk when this returns. Raises OSError."""


class Deletions(Protocol):
    """The list of deletions outside of the database, where no database role can change it."""

    def append(self, deletions: Sequence[Deletion]) -> None:
        """Add deletions; they are on the disk when this returns. Raises OSError."""
