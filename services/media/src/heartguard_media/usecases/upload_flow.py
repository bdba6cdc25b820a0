"""How every upload begins and ends, and the checks that all uploads have in common."""

from collections.abc import Iterable, Iterator
from itertools import chain

from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import MediaItem, Ticket, Upload, Written
from heartguard_media.domain.links import sign, write_claim
from heartguard_media.domain.types import HEAD_BYTES, contradiction, essence, is_allowed
from heartguard_media.errors import TOO_LARGE, TYPE_DIFFERS, TYPE_NOT_TAKEN
from heartguard_media.usecases.dependencies import Rules, Stores


class UploadFlow:
    """The first and the last step of every upload, with its bytes in the call or as a direct upload."""

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
        """Create the row of a file, and reserve its bytes of the quota.

        Raises MEDIA_009 where the quota has no room, GEN_401_TOKEN when the caller's account no longer matches their
        token. A stream without a length reserves the size of the largest file.
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

    def _ticket(self, item: MediaItem, expires: int, *, direct: bool = True) -> Ticket:
        """How to send the bytes of an announced file, until `expires` in epoch seconds.

        With `direct` straight to the store, if it takes them, otherwise to this service.
        """
        of_store = self._objects.direct_upload(item, self._rules.url_seconds) if direct else None
        if of_store is not None:
            return of_store
        signature = sign(self._rules.url_secret, write_claim(item.id, expires, item.content_type, item.size))
        url = f"{self._rules.public_url}/media/content/{item.id}?expires={expires}&signature={signature}"
        return Ticket(url, {"Content-Type": item.content_type})

    def _finish(self, principal: Principal, item: MediaItem, written: Written) -> MediaItem | None:
        """Make the file visible, and record the event; None when the upload was given up in between.

        Raises GEN_401_TOKEN when the caller's account no longer matches their token.
        """
        with self._transaction():
            self._authority.require_writer(principal)
            finished = self._items.finish(item.id, written)
            if finished is not None:
                self._audit.changed(principal, "media.upload", f"media:{item.id}", payload={"size": written.size})
        return finished

    def _give_up(self, item: MediaItem) -> bool:
        """Remove row and bytes of an unfinished upload; returns whether it was still unfinished.

        A finished file keeps its bytes, also when the answer to its commit was lost.
        """
        if not self._items.discard(item.id):
            return False
        self._objects.delete(item.key)
        return True

    def _require_size_and_type(self, upload: Upload) -> None:
        """Raises MEDIA_002 for a declared length over the limit, MEDIA_010 for a type that is not allowed."""
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
    """MEDIA_002 with the limit, and what it applies to."""
    return ServiceError(TOO_LARGE, f"A file may have {limit} bytes at most{where}")
