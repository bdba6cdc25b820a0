"""What can be done with files, one method per verb."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from heartguard_common.audit import AuditTrail
from heartguard_common.clock import Clock, rfc3339, seconds
from heartguard_common.errors import Fault, ServiceError
from heartguard_common.identity import Principal
from heartguard_common.ids import uuid7
from heartguard_media.domain import DOCUMENT_LIMIT, MediaItem, Scope, Upload, Written, sign, signed
from heartguard_media.errors import (
    BAD_SIGNATURE,
    CHECKSUM_DIFFERS,
    CUT_SHORT,
    NO_ITEM,
    NOT_BASE64,
    TOO_LARGE,
)
from heartguard_media.ports import Items, ObjectStore

ORPHAN_SECONDS = 3600.0


@dataclass(frozen=True)
class Rules:
    """The settings that decide: sizes in bytes, life time of a URL in seconds."""

    max_bytes: int
    url_seconds: int
    url_secret: str
    public_url: str


class MediaUseCases:
    """Upload, list, download and removal of files."""

    def __init__(self, rules: Rules, items: Items, objects: ObjectStore, audit: AuditTrail, clock: Clock) -> None:
        self._rules = rules
        self._items = items
        self._objects = objects
        self._audit = audit
        self._clock = clock

    @property
    def max_bytes(self) -> int:
        """The largest file that may come in as a stream."""
        return self._rules.max_bytes

    def upload_document(self, principal: Principal, upload: Upload, data: str) -> MediaItem:
        """Store a small file that came inside a document. Raises MEDIA_002, MEDIA_003, MEDIA_004."""
        # Four characters carry three bytes: what can't fit is refused before it is decoded.
        if len(data) > (DOCUMENT_LIMIT + 2) // 3 * 4:
            raise _too_large(DOCUMENT_LIMIT)
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ServiceError(NOT_BASE64, details=(Fault("/data_base64", "is not base64"),)) from error
        if len(content) > DOCUMENT_LIMIT:
            raise _too_large(DOCUMENT_LIMIT)
        return self.upload(principal, upload, [content])

    def upload(self, principal: Principal, upload: Upload, blocks: Iterable[bytes]) -> MediaItem:
        """Store a file. Raises MEDIA_002 when it is too large, MEDIA_004 and MEDIA_006 when it is not as stated.

        The row comes first and is seen last: whatever fails in between leaves nothing that a caller could see.
        """
        if upload.length is not None and upload.length > upload.limit:
            raise _too_large(upload.limit)
        item = self._begun(principal, upload)
        self._items.begin(item)
        try:
            written = self._objects.write(item.key, _limited(blocks, upload.limit))
            _require_as_stated(upload, written)
            finished = self._items.finish(item.id, written)
        except BaseException:
            self._give_up(item)
            raise
        if finished is None:
            self._objects.delete(item.key)
            raise ServiceError(NO_ITEM)
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

    def _begun(self, principal: Principal, upload: Upload) -> MediaItem:
        return MediaItem(
            id=uuid7(self._clock),
            org_id=principal.org_id or 0,
            owner_id=principal.user_id or 0,
            file_name=upload.file_name,
            content_type=upload.content_type,
            size=0,
            sha256="",
            status="pending",
            created_at=rfc3339(self._clock.now_ns()),
        )

    def list(self, principal: Principal, wanted: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` files the caller may see: their own, or for managers and admins their organization's."""
        if principal.role == "user":
            if wanted.owner_id not in (None, principal.user_id):
                return []
            wanted = Scope(wanted.org_id, principal.user_id, wanted.content_type)
        return self._items.list(wanted, before, limit)

    def read(self, principal: Principal, item_id: str) -> MediaItem:
        """One file's metadata. Raises MEDIA_001, also for what the caller may not see."""
        item = self._items.find(item_id)
        if item is None or item.org_id != principal.org_id:
            raise ServiceError(NO_ITEM)
        if principal.role == "user" and item.owner_id != principal.user_id:
            raise ServiceError(NO_ITEM)
        return item

    def download_url(self, principal: Principal, item_id: str) -> tuple[str, str]:
        """A signed URL to a file's bytes, and when it expires. Raises MEDIA_001."""
        item = self.read(principal, item_id)
        expires = seconds(self._clock) + self._rules.url_seconds
        direct = self._objects.direct_url(item, self._rules.url_seconds)
        if direct is not None:
            return direct, rfc3339(expires * 1_000_000_000)
        signature = sign(self._rules.url_secret, item.id, expires)
        url = f"{self._rules.public_url}/media/content/{item.id}?expires={expires}&signature={signature}"
        return url, rfc3339(expires * 1_000_000_000)

    def content_of(self, item_id: str, expires: int, signature: str) -> MediaItem:
        """The file that a signed URL leads to. Raises MEDIA_005 for a bad URL, MEDIA_001 when it is gone."""
        if not signed(self._rules.url_secret, item_id, expires, signature, seconds(self._clock)):
            raise ServiceError(BAD_SIGNATURE)
        item = self._items.find(item_id)
        if item is None:
            raise ServiceError(NO_ITEM)
        return item

    def content(self, item: MediaItem, start: int, length: int) -> Iterator[bytes]:
        """A range of a file's bytes, in blocks. Raises MEDIA_001 when they are gone."""
        try:
            return self._objects.read(item.key, start, length)
        except FileNotFoundError as error:
            raise ServiceError(NO_ITEM) from error

    def delete(self, principal: Principal, item_id: str) -> None:
        """Remove a file of the caller's organization, row and bytes. Raises MEDIA_001."""
        item = self._items.remove(item_id, principal.org_id or 0)
        if item is None:
            raise ServiceError(NO_ITEM)
        # With its row the file is gone for everybody; bytes that resist are the sweeper's.
        self._audit.changed(principal, "media.delete", f"media:{item.id}")
        self._objects.delete(item.key)

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Remove all files of an organization or of a member; returns how many."""
        gone = self._items.remove_all(Scope(org_id, user_id))
        if gone:
            self._audit.changed(
                principal, "media.erased", f"organization:{org_id}", org_id=org_id, payload={"files": len(gone)}
            )
        for item in gone:
            self._objects.delete(item.key)
        return len(gone)

    def sweep(self) -> int:
        """Remove what crashed uploads and removals have left on either side; returns how many things."""
        swept = 0
        for item in self._items.abandoned(ORPHAN_SECONDS):
            swept += self._give_up(item)
        objects = self._objects.older_than(ORPHAN_SECONDS)
        while keys := list(islice(objects, 500)):
            named = {key.rsplit("/", 1)[-1]: key for key in keys}
            known = self._items.known(list(named))
            for item_id, key in named.items():
                if item_id not in known:
                    self._objects.delete(key)
                    swept += 1
        return swept


def _limited(blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for block in blocks:
        size += len(block)
        if size > limit:
            raise _too_large(limit)
        yield block


def _require_as_stated(upload: Upload, written: Written) -> None:
    if upload.length is not None and written.size != upload.length:
        raise ServiceError(CUT_SHORT)
    if upload.sha256 is not None and written.sha256 != upload.sha256:
        raise ServiceError(CHECKSUM_DIFFERS, details=(Fault("/sha256", "is not the SHA-256 of the bytes"),))


def _too_large(limit: int) -> ServiceError:
    other = " in a document; send the bytes with PUT /media/upload" if limit == DOCUMENT_LIMIT else ""
    return ServiceError(TOO_LARGE, f"A file may have {limit} bytes at most{other}")
