"""Direct uploads: announced by one call, sent to a URL of their own, completed by another call."""

from uuid import UUID

from heartguard_common import messages
from heartguard_common.core.errors import LIMIT_REACHED
from heartguard_common.http import paging
from heartguard_common.http.routing import ANY_TYPE, Answer, Call, EmptyCall, NoQuery, Route, StreamCall
from heartguard_common.messages import (
    MediaContentQuery,
    MediaListQuery,
    OpenUploadDocument,
    UploadList,
    UploadRequest,
    UploadTicket,
)
from heartguard_media.domain.items import Announcement, Scope, Upload
from heartguard_media.errors import (
    ALREADY_SENT,
    BAD_SIGNATURE,
    CHECKSUM_DIFFERS,
    CUT_SHORT,
    NEEDS_LENGTH,
    NO_ITEM,
    NOT_ARRIVED,
    OVER_QUOTA,
    SIZE_DIFFERS,
    TOO_LARGE,
    TYPE_DIFFERS,
    TYPE_NOT_TAKEN,
)
from heartguard_media.routes.answers import NO_STORE, blocks, tagged
from heartguard_media.usecases import MediaUseCases
from heartguard_media.usecases.direct_uploads import Link


def announce_upload(media: MediaUseCases, call: Call[UploadRequest, NoQuery]) -> Answer[UploadTicket]:
    """Announce an upload and get a URL for the bytes.

    The bytes are then sent to this signed URL, once and straight to the store, and the upload is completed.
    """
    sent = call.document
    upload = Upload(
        sent["file_name"], sent["content_type"], media.uploads.max_bytes, length=sent["size"], sha256=sent.get("sha256")
    )
    item, ticket, expires_at = media.direct_uploads.announce(call.person, upload)
    document: UploadTicket = {
        "id": item.id,
        "url": ticket.url,
        "method": "PUT",
        "headers": dict(ticket.headers),
        "expires_at": expires_at,
    }
    return Answer(document, headers=NO_STORE)


def upload_content(media: MediaUseCases, call: StreamCall[MediaContentQuery]) -> Answer[None]:
    """Send the bytes of an announced upload.

    By the signed URL of the announcement; no token is needed.
    """
    link = Link(
        call.params["item_id"],
        call.query["expires"],
        call.query["signature"],
        call.headers.get("Content-Type", ""),
        call.content_length,
    )
    media.direct_uploads.receive(link, blocks(call.stream))
    return Answer(None)


def complete_upload(media: MediaUseCases, call: EmptyCall) -> Answer[messages.MediaItem]:
    """Complete an announced upload.

    Size, type and checksum of the bytes are checked; then the file is in the list of files.
    """
    return tagged(media.direct_uploads.complete(call.person, call.params["item_id"]))


def list_uploads(media: MediaUseCases, call: Call[None, MediaListQuery]) -> Answer[UploadList]:
    """List the announced uploads that are not complete.

    Newest first.
    """
    wanted = Scope(call.person.org_id or 0, call.query.get("owner_id"), call.query.get("content_type"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = media.direct_uploads.open(call.person, wanted, cursor[0] if cursor else None, limit + 1)
    page = paging.page(found, limit, _announcement, lambda it: [it.item.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def cancel_upload(media: MediaUseCases, call: EmptyCall) -> Answer[None]:
    """Cancel an announced upload.

    Frees the bytes that are reserved for it.
    """
    media.direct_uploads.cancel(call.person, call.params["item_id"])
    return Answer(None)


def _announcement(found: Announcement) -> OpenUploadDocument:
    item = found.item
    return {
        "id": item.id,
        "file_name": item.file_name,
        "content_type": item.content_type,
        "size": item.size,
        "owner_id": item.owner_id,
        "created_at": item.created_at,
        "expires_at": found.expires_at,
    }


ROUTES = (
    Route(
        "POST",
        "/media/uploads",
        announce_upload,
        status=201,
        idempotent=True,
        raises=(TOO_LARGE, OVER_QUOTA, TYPE_NOT_TAKEN, LIMIT_REACHED),
    ),
    Route("GET", "/media/uploads", list_uploads),
    Route("DELETE", "/media/uploads/{item_id}", cancel_upload, status=204, raises=(NO_ITEM,)),
    # Takes no Idempotency-Key: it is repeatable by itself, and a key would keep a transaction open while a file of
    # gigabytes is read (D161).
    Route(
        "POST",
        "/media/uploads/{item_id}/complete",
        complete_upload,
        expensive=True,
        raises=(NO_ITEM, CHECKSUM_DIFFERS, TYPE_DIFFERS, SIZE_DIFFERS, NOT_ARRIVED),
    ),
    Route(
        "PUT",
        "/media/content/{item_id}",
        upload_content,
        status=201,
        accepts=(),
        offers=ANY_TYPE,
        raises=(NO_ITEM, BAD_SIGNATURE, CUT_SHORT, ALREADY_SENT, NEEDS_LENGTH),
    ),
)
