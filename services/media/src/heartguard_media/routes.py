"""The HTTP face of media."""

from collections.abc import Iterator
from uuid import UUID

from gunicorn.http.errors import NoMoreData
from werkzeug.exceptions import ClientDisconnected

from heartguard_common import messages
from heartguard_common.core.errors import LIMIT_REACHED, ServiceError
from heartguard_common.http import etag, exports, paging
from heartguard_common.http.body import Reader
from heartguard_common.http.routing import (
    ANY_TYPE,
    NDJSON,
    Answer,
    Call,
    EmptyCall,
    NoQuery,
    Route,
    StreamAnswer,
    StreamCall,
)
from heartguard_common.messages import (
    ErasureRequest,
    ErasureResult,
    ExportQuery,
    MediaContentQuery,
    MediaDownload,
    MediaItemList,
    MediaListQuery,
    MediaUpload,
    MediaUploadQuery,
    MediaUsage,
    OpenUploadDocument,
    UploadList,
    UploadRequest,
    UploadTicket,
)
from heartguard_media.domain.items import DOCUMENT_LIMIT, Announcement, MediaItem, Scope, Upload
from heartguard_media.domain.names import content_disposition
from heartguard_media.domain.ranges import NoSuchRange, byte_range
from heartguard_media.domain.types import is_media_type
from heartguard_media.errors import (
    ALREADY_SENT,
    BAD_SIGNATURE,
    CHECKSUM_DIFFERS,
    CUT_SHORT,
    NEEDS_LENGTH,
    NO_ITEM,
    NO_MEDIA_TYPE,
    NO_SUCH_RANGE,
    NOT_ARRIVED,
    NOT_BASE64,
    OVER_QUOTA,
    SIZE_DIFFERS,
    TOO_LARGE,
    TYPE_DIFFERS,
    TYPE_NOT_TAKEN,
)
from heartguard_media.usecases import MediaUseCases
from heartguard_media.usecases.announced import Link

BLOCK_BYTES = 256 * 1024
NO_STORE = {"Cache-Control": "no-store"}


def upload_document(media: MediaUseCases, call: Call[MediaUpload, NoQuery]) -> Answer[messages.MediaItem]:
    """Store a small file (5 MiB), as base64 in a JSON or XML document."""
    sent = call.document
    upload = Upload(sent["file_name"], sent["content_type"], DOCUMENT_LIMIT, sha256=sent.get("sha256"))
    return _created(media.uploads.document(call.person, upload, sent["data_base64"]))


def upload_bytes(media: MediaUseCases, call: StreamCall[MediaUploadQuery]) -> Answer[messages.MediaItem]:
    """Store a file whose bytes are the body, streamed, up to `MAX_UPLOAD_MB`."""
    content_type = call.headers.get("Content-Type", "")
    if not is_media_type(content_type):
        raise ServiceError(NO_MEDIA_TYPE)
    upload = Upload(call.query["file_name"], content_type, media.uploads.max_bytes, length=call.content_length)
    return _created(media.uploads.stream(call.person, upload, _blocks(call.stream)))


def announce(media: MediaUseCases, call: Call[UploadRequest, NoQuery]) -> Answer[UploadTicket]:
    """Announce a file: a signed URL by which its bytes go straight to the store, once."""
    sent = call.document
    upload = Upload(
        sent["file_name"], sent["content_type"], media.uploads.max_bytes, length=sent["size"], sha256=sent.get("sha256")
    )
    item, ticket, expires_at = media.announced.announce(call.person, upload)
    document: UploadTicket = {
        "id": item.id,
        "url": ticket.url,
        "method": "PUT",
        "headers": dict(ticket.headers),
        "expires_at": expires_at,
    }
    return Answer(document, headers=NO_STORE)


def receive(media: MediaUseCases, call: StreamCall[MediaContentQuery]) -> Answer[None]:
    """Store the bytes of an announced file, by its signed URL."""
    link = Link(
        call.params["item_id"],
        call.query["expires"],
        call.query["signature"],
        call.headers.get("Content-Type", ""),
        call.content_length,
    )
    media.announced.receive(link, _blocks(call.stream))
    return Answer(None)


def complete(media: MediaUseCases, call: EmptyCall) -> Answer[messages.MediaItem]:
    """Check size, type and checksum of an announced file; then it is seen."""
    return _item(media.announced.complete(call.person, call.params["item_id"]))


def list_uploads(media: MediaUseCases, call: Call[None, MediaListQuery]) -> Answer[UploadList]:
    """The announcements that are not finished, newest first."""
    wanted = Scope(call.person.org_id or 0, call.query.get("owner_id"), call.query.get("content_type"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = media.announced.open(call.person, wanted, cursor[0] if cursor else None, limit + 1)
    page = paging.page(found, limit, _announcement, lambda it: [it.item.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def cancel_upload(media: MediaUseCases, call: EmptyCall) -> Answer[None]:
    """End an announcement, and what it reserves."""
    media.announced.cancel(call.person, call.params["item_id"])
    return Answer(None)


def usage(media: MediaUseCases, call: EmptyCall) -> Answer[MediaUsage]:
    """What the organization stores, and its quota."""
    found, quota = media.reading.usage(call.person)
    return Answer({"items": found.items, "bytes": found.bytes, "quota_bytes": quota}, headers=NO_STORE)


def list_items(media: MediaUseCases, call: Call[None, MediaListQuery]) -> Answer[MediaItemList]:
    """A page of files, newest first."""
    wanted = Scope(call.person.org_id or 0, call.query.get("owner_id"), call.query.get("content_type"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = media.reading.list(call.person, wanted, cursor[0] if cursor else None, limit + 1)
    page = paging.page(found, limit, _document, lambda item: [item.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read(media: MediaUseCases, call: EmptyCall) -> Answer[messages.MediaItem]:
    """One file's metadata."""
    return _item(media.reading.read(call.person, call.params["item_id"]))


def download(media: MediaUseCases, call: EmptyCall) -> Answer[MediaDownload]:
    """A signed URL of a file, and when it expires."""
    url, expires_at = media.reading.download_url(call.person, call.params["item_id"])
    return Answer({"url": url, "expires_at": expires_at}, headers=NO_STORE)


def delete(media: MediaUseCases, call: EmptyCall) -> Answer[None]:
    """Remove a file, its bytes and its row; its URLs end with it."""
    media.removal.delete(call.person, call.params["item_id"])
    return Answer(None)


def content(media: MediaUseCases, call: Call[None, MediaContentQuery]) -> StreamAnswer:
    """The bytes of a file, by its signed URL: ranges, ETag, always an attachment."""
    item = media.reading.content_of(
        call.params["item_id"], call.query["expires"], call.query.get("disposition", ""), call.query["signature"]
    )
    tag = f'"{item.sha256}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Disposition": content_disposition(item.file_name),
        # A browser must neither guess another type nor run what it was given.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    condition = call.headers.get("If-None-Match")
    if condition is not None and etag.matches(condition, tag):
        return StreamAnswer((), item.content_type, status=304, headers=headers)
    start, stop, status = _range(call, item, tag)
    headers["Content-Length"] = str(stop - start)
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{item.size}"
    blocks = media.reading.content(item, start, stop - start)
    return StreamAnswer(blocks, item.content_type, status=status, headers=headers)


def erase(media: MediaUseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Remove an organization's or a member's files."""
    org_id, user_id = call.document["org_id"], call.document.get("user_id")
    archives = media.archives.erase(org_id, user_id)
    files, again_in = media.removal.erase(call.person, org_id, user_id)
    document: ErasureResult = {"removed": archives + files}
    if again_in is not None:
        document["again_in"] = again_in
    return Answer(document)


def export(media: MediaUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Metadata of a person's files (NDJSON)."""
    return exports.answer(media.archives.records(*_whose(call)))


def export_content(media: MediaUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """The bytes of one of a person's files."""
    item, blocks = media.archives.content(*_whose(call), call.params["item_id"])
    headers = {**NO_STORE, "Content-Length": str(item.size)}
    return StreamAnswer(blocks, item.content_type, headers=headers)


def keep_archive(media: MediaUseCases, call: StreamCall[ExportQuery]) -> Answer[messages.MediaItem]:
    """Keep an archive of a person's data for 7 days."""
    return Answer(_document(media.archives.keep(*_whose(call), _blocks(call.stream))), headers=NO_STORE)


def read_archive(media: MediaUseCases, call: Call[None, ExportQuery]) -> Answer[MediaDownload]:
    """A signed URL of such an archive."""
    url, expires_at = media.reading.link(media.archives.find(*_whose(call), call.params["item_id"]))
    return Answer({"url": url, "expires_at": expires_at}, headers=NO_STORE)


def _whose(call: Call[None, ExportQuery]) -> tuple[int, int]:
    return call.query["org_id"], call.query["user_id"]


def _range(call: Call[object, object], item: MediaItem, tag: str) -> tuple[int, int, int]:
    """The bytes asked for and the status of the answer. Raises MEDIA_007."""
    # If-Range compares strongly: a weak tag or a date is never ours (RFC 9110 section 13.1.5).
    wanted = call.headers.get("Range") if call.headers.get("If-Range", tag) == tag else None
    try:
        found = byte_range(wanted, item.size)
    except NoSuchRange as error:
        raise ServiceError(NO_SUCH_RANGE, headers={"Content-Range": f"bytes */{item.size}"}) from error
    return (0, item.size, 200) if found is None else (*found, 206)


def _blocks(stream: Reader) -> Iterator[bytes]:
    """The body in blocks. Raises MEDIA_006 when it ends before its declared length."""
    try:
        while block := stream.read(BLOCK_BYTES):
            yield block
    except (ClientDisconnected, NoMoreData) as error:  # by Content-Length, in chunks
        raise ServiceError(CUT_SHORT) from error


def _item(item: MediaItem) -> Answer[messages.MediaItem]:
    document = _document(item)
    return Answer(document, headers={**NO_STORE, "ETag": etag.entity_tag(document)})


def _created(item: MediaItem) -> Answer[messages.MediaItem]:
    return Answer(_document(item), headers={"Location": f"/media/items/{item.id}", **NO_STORE})


def _document(item: MediaItem) -> messages.MediaItem:
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
        "/media/upload",
        upload_document,
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
    Route(
        "POST",
        "/media/uploads",
        announce,
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
        complete,
        expensive=True,
        raises=(NO_ITEM, CHECKSUM_DIFFERS, TYPE_DIFFERS, SIZE_DIFFERS, NOT_ARRIVED),
    ),
    Route("GET", "/media/usage", usage),
    Route("GET", "/media/items", list_items),
    Route("GET", "/media/items/{item_id}", read, raises=(NO_ITEM,), headers=("ETag",)),
    Route("GET", "/media/items/{item_id}/download", download, raises=(NO_ITEM,)),
    Route("DELETE", "/media/items/{item_id}", delete, status=204, raises=(NO_ITEM,)),
    Route(
        "GET",
        "/media/content/{item_id}",
        content,
        offers=ANY_TYPE,
        raises=(NO_ITEM, BAD_SIGNATURE, NO_SUCH_RANGE),
        headers=("ETag", "Content-Disposition", "Accept-Ranges"),
    ),
    Route(
        "PUT",
        "/media/content/{item_id}",
        receive,
        status=201,
        accepts=(),
        offers=ANY_TYPE,
        raises=(NO_ITEM, BAD_SIGNATURE, CUT_SHORT, ALREADY_SENT, NEEDS_LENGTH),
    ),
    Route("GET", "/media/exports", export, offers=(NDJSON,)),
    Route("GET", "/media/exports/{item_id}", export_content, offers=ANY_TYPE, raises=(NO_ITEM,)),
    Route(
        "PUT", "/media/archives", keep_archive, status=201, accepts=("application/zip",), raises=(NO_ITEM, CUT_SHORT)
    ),
    Route("GET", "/media/archives/{item_id}", read_archive, raises=(NO_ITEM,)),
    Route("POST", "/media/erasures", erase),
)
