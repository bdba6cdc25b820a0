"""What the use cases of media have in common: their rules, their stores, and how an upload begins and ends."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_media.domain.items import MediaItem, Upload, Written
from heartguard_media.domain.types import HEAD_BYTES, contradiction, essence, is_allowed
from heartguard_media.errors import TOO_LARGE, TYPE_DIFFERS, TYPE_NOT_TAKEN
from heartguard_media.ports import Archives, Items, ObjectStore

SLOWEST_BYTES_PER_SECOND = 4096  # the gateway gives up on slower bodies
# Some two days; the sweeper comes every quarter of an hour.
RETRY = RetryPolicy(max_attempts=12, first_delay=600.0, longest_delay=6 * 3600.0)


@dataclass(frozen=True)
class Rules:
    """The settings that decide: sizes in bytes, life time of a URL in seconds, the allow-list of types."""

    max_bytes: int
    url_seconds: int
    url_secret: str
    public_url: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class Stores:
    """The ports, opened."""

    items: Items
    objects: ObjectStore
    audit: AuditTrail
    clock: Clock
    archives: Archives
    transaction: Transaction
    authority: Authority
    dead_letters: DeadLetterStore


class Receiving:
    """How every upload begins and is given up, whichever way its bytes come."""

    def __init__(self, rules: Rules, stores: Stores) -> None:
        self._rules = rules
        self._items = stores.items
        self._objects = stores.objects
        self._audit = stores.audit
        self._clock = stores.clock
        self._transaction = stores.transaction
        self._authority = stores.authority
        self._dead_letters = stores.dead_letters

    def _begin(self, principal: Principal, upload: Upload, until_ns: int | None = None) -> MediaItem:
        """Keep room for a file.

        Raises MEDIA_009 where there is none, GEN_401_TOKEN when the caller is not who their token says any more.
        A stream that does not say its length needs room for the largest file.
        """
        item = MediaItem(
            id=uuid7(self._clock),
            org_id=principal.org_id or 0,
            owner_id=principal.user_id or 0,
            file_name=upload.file_name,
            content_type=upload.content_type,
            size=upload.limit if upload.length is None else upload.length,
            sha256=upload.sha256 or "",
            status="pending",
            created_at=rfc3339(self._clock.now_ns()),
        )
        self._items.begin(principal, item, until_ns)
        return item

    def _finish(self, principal: Principal, item: MediaItem, written: Written) -> MediaItem | None:
        """Make an upload seen, and say so; None when it was given up in between.

        Raises GEN_401_TOKEN where the caller is not who their token says any more.
        """
        with self._transaction():
            self._authority.require_writer(principal)
            finished = self._items.finish(item.id, written)
            if finished is not None:
                self._audit.changed(principal, "media.upload", f"media:{item.id}", payload={"size": written.size})
        return finished

    def _give_up(self, item: MediaItem) -> bool:
        """Remove an unfinished upload from both sides; answers whether it was still unfinished.

        A row that has become ready, if only by a commit whose answer was lost, keeps its bytes.
        """
        if not self._items.forget(item.id):
            return False
        self._objects.delete(item.key)
        return True

    def _require_size_and_type(self, upload: Upload) -> None:
        """Raises MEDIA_002 for a file that says it is too large, MEDIA_010 for a type that is not taken."""
        if upload.length is not None and upload.length > upload.limit:
            raise too_large(upload.limit)
        if not is_allowed(upload.content_type, self._rules.types):
            violation = Violation("/content_type", f"must be one of {', '.join(self._rules.types)}")
            raise ServiceError(TYPE_NOT_TAKEN, details=(violation,))


def require_type(content_type: str, head: bytes) -> None:
    """Raises MEDIA_011 when the first bytes of a file contradict its type."""
    found = contradiction(content_type, head)
    if found is not None:
        violation = Violation("/content_type", f"is {essence(content_type)}, but the bytes look like {found}")
        raise ServiceError(TYPE_DIFFERS, details=(violation,))


def with_head(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of a stream, and the whole stream again."""
    stream = iter(blocks)
    taken: list[bytes] = []
    length = 0
    while length < HEAD_BYTES and (block := next(stream, None)) is not None:
        taken.append(block)
        length += len(block)
    head = b"".join(block[:HEAD_BYTES] for block in taken)[:HEAD_BYTES]
    return head, chain(taken, stream)


def limited(blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """A stream that raises MEDIA_002 beyond `limit` bytes."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > limit:
            raise too_large(limit)
        yield block


def too_large(limit: int, where: str = "") -> ServiceError:
    """MEDIA_002 with the limit, and where it is one."""
    return ServiceError(TOO_LARGE, f"A file may have {limit} bytes at most{where}")
