"""Uploads that bring the bytes along: inside a document, or as a stream."""

from heartguard_common import messages
from heartguard_common.core.errors import LIMIT_REACHED, ServiceError
from heartguard_common.http.routing import Answer, Call, NoQuery, Route, StreamCall
from heartguard_common.messages import MediaUpload, MediaUploadQuery
from heartguard_media.domain.items import DOCUMENT_LIMIT, MediaItem, Upload
from heartguard_media.domain.types import is_media_type
from heartguard_media.errors import (
    CHECKSUM_DIFFERS,
    CUT_SHORT,
    NO_ITEM,
    NO_MEDIA_TYPE,
    NOT_BASE64,
    OVER_QUOTA,
    TOO_LARGE,
    TYPE_DIFFERS,
    TYPE_NOT_TAKEN,
)
from heartguard_media.routes.answers import NO_STORE, blocks, document
from heartguard_media.usecases import MediaUseCases


def upload_file(media: MediaUseCases, call: Call[MediaUpload, NoQuery]) -> Answer[messages.MediaItem]:
    """Upload a small file as base64.

    The file is in a JSON or XML document and has at most 5 MiB; larger ones are sent as bytes.
    """
    sent = call.document
    upload = Upload(sent["file_name"], sent["content_type"], DOCUMENT_LIMIT, sha256=sent.get("sha256"))
    return _created(media.uploads.document(call.person, upload, sent["data_base64"]))


def upload_bytes(media: MediaUseCases, call: StreamCall[MediaUploadQuery]) -> Answer[messages.MediaItem]:
    """Upload a file as bytes.

    The body is the file, of at most `MAX_UPLOAD_MB`; `Content-Type` is its media type.
    """
    content_type = call.headers.get("Content-Type", "")
    if not is_media_type(content_type):
        raise ServiceError(NO_MEDIA_TYPE)
    upload = Upload(call.query["file_name"], content_type, media.uploads.max_bytes, length=call.content_length)
    return _created(media.uploads.stream(call.person, upload, blocks(call.stream)))


def _created(item: MediaItem) -> Answer[messages.MediaItem]:
    return Answer(document(item), headers={"Location": f"/media/items/{item.id}", **NO_STORE})


ROUTES = (
    Route(
        "POST",
        "/media/upload",
        upload_file,
        status=201,
        idempotent=True,
        raises=(
            NO_ITEM,
            TOO_LARGE,
            NOT_BASE64,
            CHECKSUM_DIFFERS,
            CUT_SHORT,
            OVER_QUOTA,
            TYPE_NOT_TAKEN,
            TYPE_DIFFERS,
            LIMIT_REACHED,
        ),
        headers=("Location",),
    ),
    Route(
        "PUT",
        "/media/upload",
        upload_bytes,
        status=201,
        accepts=(),
        raises=(
            NO_ITEM,
            TOO_LARGE,
            CHECKSUM_DIFFERS,
            CUT_SHORT,
            NO_MEDIA_TYPE,
            OVER_QUOTA,
            TYPE_NOT_TAKEN,
            TYPE_DIFFERS,
            LIMIT_REACHED,
        ),
        headers=("Location",),
    ),
)
