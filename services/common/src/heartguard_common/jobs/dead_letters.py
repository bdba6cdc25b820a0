"""Failed items of queues: each is retried by itself, given up after some attempts, and kept for the operator.

A queue records a failure by the item's own name, so that no item delays another. An item that is given up is a dead
letter: its queue leaves it alone until the operator has it tried again, or drops it. `items.ItemRunner` decides which.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from heartguard_common import messages
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.identity.authentication import Principal

REASON_LENGTH = 256
_log = logging.getLogger("heartguard.dead_letters")


@dataclass(frozen=True)
class DeadLetter:
    """An item that failed; times are nanoseconds since the epoch. `due_ns` None: it is given up.

    `content` is the item itself where it is kept nowhere else; it is never shown.
    """

    id: str
    queue: str
    item: str
    org_id: int | None
    attempts: int
    reason: str
    failed_ns: int
    last_failed_ns: int
    due_ns: int | None
    content: str | None = None

    @property
    def dead(self) -> bool:
        """Whether it is not tried any more."""
        return self.due_ns is None

    def document(self, service: str) -> messages.DeadLetter:
        """The `DeadLetter` message."""
        found: messages.DeadLetter = {
            "id": self.id,
            "service": service,
            "queue": self.queue,
            "item": self.item,
            "status": "dead" if self.dead else "retrying",
            "attempts": self.attempts,
            "reason": self.reason,
            "failed_at": rfc3339(self.failed_ns),
            "last_failed_at": rfc3339(self.last_failed_ns),
        }
        if self.org_id is not None:
            found["org_id"] = self.org_id
        if self.due_ns is not None:
            found["next_attempt_at"] = rfc3339(self.due_ns)
        return found


@dataclass(frozen=True)
class FailedItem:
    """An item of a queue that failed, and why. `permanent`: it would fail the next time too."""

    queue: str
    item: str
    reason: str
    org_id: int | None = None
    permanent: bool = False
    content: str | None = None


@dataclass(frozen=True)
class FailureCounts:
    """How many items of a queue are tried again, and how many are given up."""

    retrying: int = 0
    dead: int = 0


class DeadLetterStore(Protocol):
    """Where a service keeps what failed."""

    def failed(self, item: FailedItem, retry: RetryPolicy) -> DeadLetter:
        """Record that an item failed; in a transaction it is part of that."""

    def succeeded(self, queue: str, items: Collection[str]) -> None:
        """Forget the failures of items."""

    def resting(self, queue: str, items: Collection[str]) -> set[str]:
        """Those of the items that are not to be tried now."""

    def page(self, queue: str | None, status: str | None, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """At most `limit`, the oldest first, behind the id `after`."""

    def find(self, dead_letter_id: str) -> DeadLetter | None:
        """One by its id, locked until the transaction ends."""

    def remove(self, dead_letter_id: str) -> None:
        """Forget one."""

    def purge(self) -> None:
        """Remove what failed last long ago."""

    def counts(self, queues: Collection[str]) -> Mapping[str, FailureCounts]:
        """How many items of each queue failed; also those of queues that are not in `queues` and have any."""

    def transaction(self) -> AbstractContextManager[object]:
        """Everything inside happens together or not at all."""


@dataclass(frozen=True)
class ManagedQueue:
    """What the operator sees of a queue and can do with its items, in the transaction that changes the dead letter.

    `retry` puts an item back where it is tried; `drop` removes it for good. A queue that finds its items by itself
    needs neither: without its dead letter an item is tried. `wake` has the queue look at once, after the commit.
    Where the queue knows it: `waiting` is the number of items that are neither done nor given up, `oldest_seconds` how
    long the one has waited that has waited longest.
    """

    retry: Callable[[DeadLetter], object] = lambda _: None
    drop: Callable[[DeadLetter], object] = lambda _: None
    wake: Callable[[], object] = lambda: None
    waiting: Callable[[], int] | None = None
    oldest_seconds: Callable[[], float] | None = None


_PLAIN = ManagedQueue()


@dataclass(frozen=True)
class DeadLetters:
    """The failed items of one service, as the operator sees them."""

    service: str
    store: DeadLetterStore
    queues: Mapping[str, ManagedQueue]
    audit: AuditTrail
    transaction: Callable[[], AbstractContextManager[object]]

    def page(self, asked: messages.DeadLetterQuery, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """At most `limit`, the oldest first; those that are given up, unless `asked` names a `status`."""
        return self.store.page(asked.get("queue"), asked.get("status", "dead"), after, limit)

    def find(self, dead_letter_id: str) -> DeadLetter:
        """One. Raises GEN_404."""
        return _existing(self.store.find(dead_letter_id))

    def retry(self, principal: Principal, dead_letter_id: str) -> None:
        """Have an item tried again now, as if it had never failed. Raises GEN_404."""
        with self.transaction():
            dead_letter = _existing(self.store.find(dead_letter_id))
            queue = self.queues.get(dead_letter.queue, _PLAIN)
            queue.retry(dead_letter)
            self.store.remove(dead_letter_id)
            self._record(principal, "retried", dead_letter)
        queue.wake()

    def drop(self, principal: Principal, dead_letter_id: str) -> None:
        """Remove an item for good. Raises GEN_404."""
        with self.transaction():
            dead_letter = _existing(self.store.find(dead_letter_id))
            self.queues.get(dead_letter.queue, _PLAIN).drop(dead_letter)
            self.store.remove(dead_letter_id)
            self._record(principal, "dropped", dead_letter)

    def _record(self, principal: Principal, what: str, dead_letter: DeadLetter) -> None:
        said: messages.Payload = {
            "queue": dead_letter.queue,
            "item": dead_letter.item,
            "reason": dead_letter.reason,
            "attempts": dead_letter.attempts,
        }
        action, resource = f"{self.service}.dead_letter_{what}", f"dead_letter:{dead_letter.id}"
        self.audit.changed(principal, action, resource, org_id=dead_letter.org_id, payload=said)


def log_failure(service: str, dead_letter: DeadLetter) -> None:
    """Say in the log that an item failed, and louder that it is given up."""
    level = logging.ERROR if dead_letter.dead else logging.WARNING
    said = "is given up" if dead_letter.dead else "is tried again"
    _log.log(level, "%s: %s %s %s: %s", service, dead_letter.queue, dead_letter.item, said, dead_letter.reason)


def _existing(dead_letter: DeadLetter | None) -> DeadLetter:
    if dead_letter is None:
        raise ServiceError(NOT_FOUND)
    return dead_letter
