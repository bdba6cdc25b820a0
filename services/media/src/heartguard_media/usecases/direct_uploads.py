"""Direct uploads: a call announces a file, and its bytes come later to a URL of their own."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from heartguard_common.core.clock import NANOSECONDS, rfc3339, seconds
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import Announcement, MediaItem, Scope, Ticket, Upload, Written
from heartguard_media.domain.links import signed, write_claim
from heartguard_media.domain.types import HEAD_BYTES
from heartguard_media.errors import (
    ALREADY_SENT,
    BAD_SIGNATURE,
    CHECKSUM_DIFFERS,
    CUT_SHORT,
    NEEDS_LENGTH,
    NO_ITEM,
    NOT_ARRIVED,
    SIZE_DIFFERS,
)
from heartguard_media.usecases.dependencies import IMPORT_SECONDS, SLOWEST_BYTES_PER_SECOND
from heartguard_media.usecases.upload_flow import UploadFlow, require_type

ARRIVED_SECONDS = 3600

# How often to check that an upload still exists while its bytes come in.
TRUSTED_NS = 2 * NANOSECONDS


@dataclass(frozen=True)
class Link:
    """The parts of a request to an upload URL; `size` is its Content-Length in bytes, None without one."""

    item_id: str
    expires: int
    signature: str
    content_type: str
    size: int | None


class DirectUploads(UploadFlow):
    """The three steps: announcement with a ticket, bytes, completion."""

    def announce(self, principal: Principal, upload: Upload) -> tuple[MediaItem, Ticket, str]:
        """Announce a file; returns it, the ticket for its bytes, and until when these must begin to come (RFC 3339).

        Raises MEDIA_002, MEDIA_009, MEDIA_010, GEN_409_LIMIT.
        """
        self._require_size_and_type(upload)
        expires = seconds(self._clock) + self._rules.url_seconds
        item = self._begin(principal, upload, expires * NANOSECONDS)
        return item, self._ticket(item, expires), rfc3339(expires * NANOSECONDS)

    def receive(self, link: Link, blocks: Iterable[bytes]) -> None:
        """Store the bytes of an announced file, once, if its ticket leads to this service and not to a bucket.

        Raises MEDIA_015 without a length, MEDIA_005 for a bad URL, another type or another length, MEDIA_001 when
        the upload was removed, MEDIA_014 when its bytes are stored already, MEDIA_006 when they end early.
        """
        if link.size is None:
            raise ServiceError(NEEDS_LENGTH)
        claim = write_claim(link.item_id, link.expires, link.content_type, link.size)
        if not signed(self._rules.url_secret, claim, link.signature, link.expires, seconds(self._clock)):
            raise ServiceError(BAD_SIGNATURE)
        item = self._items.direct_upload(link.item_id)
        if item is None or not self._authority.admits(item.org_id, item.owner_id):
            raise ServiceError(NO_ITEM)
        if item.status != "pending":
            raise ServiceError(ALREADY_SENT)
        # The upload does not expire while its bytes come, nor in the hour after that, in which it is to be completed.
        after = IMPORT_SECONDS if item.for_import else ARRIVED_SECONDS
        longest = link.size // SLOWEST_BYTES_PER_SECOND + after
        self._items.extend(item.id, self._clock.now_ns() + longest * NANOSECONDS)
        try:
            self._store(item, blocks, link.size)
        except FileExistsError as error:
            raise ServiceError(ALREADY_SENT) from error
        except BaseException:
            self._items.extend(item.id, link.expires * NANOSECONDS)
            raise

    def _store(self, item: MediaItem, blocks: Iterable[bytes], size: int) -> None:
        """Raises FileExistsError when the bytes are stored already, MEDIA_001 when the item was removed meanwhile."""
        self._objects.write(item.key, self._while_it_exists(item, _complete_stream(blocks, size)))
        if self._items.direct_upload(item.id) is None or not self._authority.admits(item.org_id, item.owner_id):
            # Removed while its bytes were coming in, or by a deletion that is under way.
            self._objects.delete(item.key)
            raise ServiceError(NO_ITEM)

    def _while_it_exists(self, item: MediaItem, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """A stream that raises MEDIA_001 soon after the item was removed; this request has no token to check."""
        checked_ns = self._clock.now_ns()
        for block in blocks:
            if self._clock.now_ns() - checked_ns > TRUSTED_NS:
                if self._items.direct_upload(item.id) is None:
                    raise ServiceError(NO_ITEM)
                checked_ns = self._clock.now_ns()
            yield block

    def complete(self, principal: Principal, item_id: str) -> MediaItem:
        """Check the bytes that have arrived, and make the file visible. Repeatable.

        Raises MEDIA_013 before the bytes are there; MEDIA_012, MEDIA_011, MEDIA_004 when they are not as stated,
        which ends the upload; MEDIA_001 for what the caller has not announced.
        """
        item = self._items.direct_upload(item_id)
        if item is None or (item.org_id, item.owner_id) != (principal.org_id, principal.user_id):
            raise ServiceError(NO_ITEM)
        if item.for_import:
            raise ServiceError(NO_ITEM)
        if item.status == "ready":
            return item
        size = self._objects.size(item.key)
        if size is None:
            raise ServiceError(NOT_ARRIVED)
        try:
            written = self._checked(item, size)
        except ServiceError as error:
            if error.error_code.status < 500:
                self._give_up(item)
            raise
        finished = self._finish(principal, item, written)
        if finished is None:
            # Another call has finished it first, or the upload has been removed.
            return self.complete(principal, item_id) if self._items.find(item_id) else self._remove_bytes(item)
        return finished

    def open(self, principal: Principal, wanted: Scope, before: str | None, limit: int) -> Sequence[Announcement]:
        """Up to `limit` unfinished uploads: the caller's, or for an admin the organization's."""
        scope = self._scope(principal)
        if scope.owner_id is not None and wanted.owner_id not in (None, scope.owner_id):
            return []
        owner = scope.owner_id if scope.owner_id is not None else wanted.owner_id
        return self._items.open(Scope(scope.org_id, owner, wanted.content_type), before, limit)

    def cancel(self, principal: Principal, item_id: str) -> None:
        """End an upload that is not finished, the caller's or for an admin anybody's. Raises MEDIA_001."""
        with self._transaction():
            self._authority.require_actor(principal)
            item = self._items.cancel(item_id, self._scope(principal))
            if item is None:
                raise ServiceError(NO_ITEM)
            self._audit.changed(principal, "media.cancel_upload", f"media:{item.id}", payload={"size": item.size})
        # If this fails, it leaves an object without a row, which the sweeper removes.
        self._objects.delete(item.key)

    @staticmethod
    def _scope(principal: Principal) -> Scope:
        """Whose uploads the caller may see and cancel."""
        return Scope(principal.org_id or 0, None if principal.role == "admin" else principal.user_id)

    def _remove_bytes(self, item: MediaItem) -> MediaItem:
        self._objects.delete(item.key)
        raise ServiceError(NO_ITEM)

    def _checked(self, item: MediaItem, size: int) -> Written:
        """Size and hash of the bytes in the store. Raises MEDIA_012, MEDIA_011, MEDIA_004."""
        if size != item.size:
            raise ServiceError(SIZE_DIFFERS, f"{item.size} bytes were announced, and {size} have arrived")
        digest, head = hashlib.sha256(), b""
        try:
            for block in self._objects.read(item.key, 0, size):
                digest.update(block)
                head += block[: HEAD_BYTES - len(head)]
        except FileNotFoundError as error:
            raise ServiceError(NOT_ARRIVED) from error
        require_type(item.content_type, head)
        if item.sha256 not in ("", digest.hexdigest()):
            raise ServiceError(CHECKSUM_DIFFERS, details=(Violation("/sha256", "is not the SHA-256 of the bytes"),))
        return Written(size, digest.hexdigest())


def _complete_stream(blocks: Iterable[bytes], size: int) -> Iterable[bytes]:
    """A stream that raises MEDIA_006 when it ends before `size` bytes; the server passes on no more than these."""
    left = size
    for block in blocks:
        left -= len(block)
        yield block
    if left:
        raise ServiceError(CUT_SHORT)
