"""What the answers and the bodies of several routes have in common."""

from collections.abc import Iterator

from gunicorn.http.errors import NoMoreData
from werkzeug.exceptions import ClientDisconnected

from heartguard_common import messages
from heartguard_common.core.errors import ServiceError
from heartguard_common.http import etag
from heartguard_common.http.body import Reader
from heartguard_common.http.routing import Answer
from heartguard_media.domain.items import MediaItem
from heartguard_media.errors import CUT_SHORT

BLOCK_BYTES = 256 * 1024
NO_STORE = {"Cache-Control": "no-store"}


def blocks(stream: Reader) -> Iterator[bytes]:
    """The body in blocks. Raises MEDIA_006 when it ends before its declared length."""
    try:
        while block := stream.read(BLOCK_BYTES):
            yield block
    except (ClientDisconnected, NoMoreData) as error:  # by Content-Length, in chunks
        raise ServiceError(CUT_SHORT) from error


def tagged(item: MediaItem) -> Answer[messages.MediaItem]:
    """The answer with a file and its entity tag."""
    found = document(item)
    return Answer(found, headers={**NO_STORE, "ETag": etag.entity_tag(found)})


def document(item: MediaItem) -> messages.MediaItem:
    """The message MediaItem of a file."""
    return {
        "id": item.id,
        "file_name": item.file_name,
        "content_type": item.content_type,
        "size": item.size,
        "sha256": item.sha256,
        "status": item.status,
        "owner_id": item.owner_id,
        "created_at": item.created_at,
    }
