"""The files of imports: announced and read by the influx service, and removed after their import."""

from collections.abc import Iterator

from heartguard_common.core.clock import NANOSECONDS, rfc3339, seconds
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_media.domain.items import MediaItem, Scope, Ticket
from heartguard_media.errors import NO_ITEM, NOT_ARRIVED
from heartguard_media.usecases.dependencies import IMPORT_SECONDS, Rules, Stores
from heartguard_media.usecases.removal import Removal
from heartguard_media.usecases.upload_flow import UploadFlow, too_large

CONTENT_TYPE = "application/octet-stream"


class ImportFiles(UploadFlow):
    """A file of an import is an announced upload that never becomes a file of the person, and is in no list."""

    def __init__(self, rules: Rules, stores: Stores, removal: Removal) -> None:
        super().__init__(rules, stores)
        self._removal = removal

    def announce(
        self, org_id: int, user_id: int, file_name: str, size: int, *, direct: bool = True
    ) -> tuple[MediaItem, Ticket, str]:
        """Announce a file; returns it, the ticket for its bytes, and until when these must begin to come (RFC 3339).

        Without `direct` the bytes come through this service also where the store could take them itself.
        Raises MEDIA_002, MEDIA_009, GEN_409_LIMIT, and MEDIA_001 where the person is deleted.
        """
        if size > self._rules.import_bytes:
            raise too_large(self._rules.import_bytes, " if it is to be imported")
        now = self._clock.now_ns()
        item = MediaItem(
            id=uuid7(self._clock),
            org_id=org_id,
            owner_id=user_id,
            file_name=file_name,
            content_type=CONTENT_TYPE,
            size=size,
            sha256="",
            status="pending",
            created_at=rfc3339(now),
            for_import=True,
        )
        expires = seconds(self._clock) + self._rules.url_seconds
        self._items.begin(None, item, expires * NANOSECONDS)
        return item, self._ticket(item, expires, direct=direct), rfc3339(expires * NANOSECONDS)

    def content(self, org_id: int, user_id: int, item_id: str) -> tuple[MediaItem, Iterator[bytes]]:
        """The bytes of a file; they are kept for seven more days.

        Raises MEDIA_013 before they are there, MEDIA_001 where there is no such file, or it came too late.
        """
        item = self._items.direct_upload(item_id)
        if item is None or not item.for_import or (item.org_id, item.owner_id) != (org_id, user_id):
            raise ServiceError(NO_ITEM)
        if self._objects.size(item.key) != item.size:
            raise ServiceError(NOT_ARRIVED)
        self._items.extend(item.id, self._clock.now_ns() + IMPORT_SECONDS * NANOSECONDS)
        try:
            return item, self._objects.read(item.key, 0, item.size)
        except FileNotFoundError as error:
            raise ServiceError(NO_ITEM) from error

    def remove(self, org_id: int, user_id: int, item_id: str) -> None:
        """Remove a file, its bytes and its row; no error when there is none. Raises GEN_503."""
        item = self._items.retire_import(item_id, Scope(org_id, user_id))
        if item is not None:
            self._removal.remove_settled(item)
