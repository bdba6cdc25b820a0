"""Uploads whose bytes come in the same call."""

import binascii
from collections.abc import Iterable

from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import DOCUMENT_LIMIT, MediaItem, Upload, Written
from heartguard_media.errors import CHECKSUM_DIFFERS, CUT_SHORT, NO_ITEM, NOT_BASE64
from heartguard_media.usecases.upload_flow import UploadFlow, limited, require_type, too_large, with_head


class Uploads(UploadFlow):
    """Uploads in a document and as a stream."""

    @property
    def max_bytes(self) -> int:
        """The largest file that may come in as a stream."""
        return self._rules.max_bytes

    def document(self, principal: Principal, upload: Upload, data: str) -> MediaItem:
        """Store a small file that came inside a document. Raises MEDIA_002, MEDIA_003 and as `stream` does."""
        # Four characters encode three bytes: data that can't fit is refused before it is decoded.
        if len(data) > (DOCUMENT_LIMIT + 2) // 3 * 4:
            raise self._too_large_for_a_document()
        try:
            # base64.b64decode() does the same with a copy of the text.
            content = binascii.a2b_base64(data, strict_mode=True)
        except (binascii.Error, ValueError) as error:
            raise ServiceError(NOT_BASE64, details=(Violation("/data_base64", "is not base64"),)) from error
        if len(content) > DOCUMENT_LIMIT:
            raise self._too_large_for_a_document()
        known = Upload(upload.file_name, upload.content_type, upload.limit, len(content), upload.sha256)
        return self.stream(principal, known, [content])

    def _too_large_for_a_document(self) -> ServiceError:
        other = "; send the bytes with PUT /media/upload, or announce them with POST /media/uploads"
        return too_large(DOCUMENT_LIMIT, " in a document" + (other if self.max_bytes > DOCUMENT_LIMIT else ""))

    def stream(self, principal: Principal, upload: Upload, blocks: Iterable[bytes]) -> MediaItem:
        """Store a file.

        Raises MEDIA_002 when it is too large, MEDIA_009 when the organization has no room for it, MEDIA_010 and
        MEDIA_011 for its type, MEDIA_004 and MEDIA_006 when it is not as stated, GEN_401_TOKEN when the caller's
        account no longer matches their token.

        The row is created first and made visible last, so a failure in between leaves nothing that a caller could see.
        """
        self._require_size_and_type(upload)
        head, content = with_head(limited(blocks, upload.limit))
        require_type(upload.content_type, head)
        item = self._begin(principal, upload)
        try:
            written = self._objects.write(item.key, content)
            _require_as_stated(upload, written)
            finished = self._finish(principal, item, written)
        except BaseException:
            if not self._give_up(item) and self._items.find(item.id) is None:
                # An erasure has removed the row, perhaps before the bytes were stored.
                self._objects.delete(item.key)
            raise
        if finished is None:
            self._objects.delete(item.key)
            raise ServiceError(NO_ITEM)
        return finished


def _require_as_stated(upload: Upload, written: Written) -> None:
    if upload.length is not None and written.size != upload.length:
        raise ServiceError(CUT_SHORT)
    if upload.sha256 is not None and written.sha256 != upload.sha256:
        raise ServiceError(CHECKSUM_DIFFERS, details=(Violation("/sha256", "is not the SHA-256 of the bytes"),))
