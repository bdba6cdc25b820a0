"""Files: lists, metadata, deletion, and the bytes behind signed URLs."""

from uuid import UUID

from heartguard_common import messages
from heartguard_common.core.errors import ServiceError
from heartguard_common.http import etag, paging
from heartguard_common.http.routing import ANY_TYPE, Answer, Call, EmptyCall, Route, StreamAnswer
from heartguard_common.messages import MediaContentQuery, MediaDownload, MediaItemList, MediaListQuery, MediaUsage
from heartguard_media.domain.items import MediaItem, Scope
from heartguard_media.domain.names import content_disposition
from heartguard_media.domain.ranges import NoSuchRange, byte_range
from heartguard_media.errors import BAD_SIGNATURE, NO_ITEM, NO_SUCH_RANGE
from heartguard_media.routes.answers import NO_STORE, document, tagged
from heartguard_media.usecases import MediaUseCases


def read_usage(media: MediaUseCases, call: EmptyCall) -> Answer[MediaUsage]:
    """Read how much the organization stores, and its quota."""
    found, quota = media.reading.usage(call.person)
    return Answer({"items": found.items, "bytes": found.bytes, "quota_bytes": quota}, headers=NO_STORE)


def list_files(media: MediaUseCases, call: Call[None, MediaListQuery]) -> Answer[MediaItemList]:
    """List the files of the organization.

    Newest first. A member with the role `user` gets their own files.
    """
    wanted = Scope(call.person.org_id or 0, call.query.get("owner_id"), call.query.get("content_type"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = media.reading.list(call.person, wanted, cursor[0] if cursor else None, limit + 1)
    page = paging.page(found, limit, document, lambda item: [item.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read_file(media: MediaUseCases, call: EmptyCall) -> Answer[messages.MediaItem]:
    """Read the metadata of a file."""
    return tagged(media.reading.read(call.person, call.params["item_id"]))


def read_download_url(media: MediaUseCases, call: EmptyCall) -> Answer[MediaDownload]:
    """Get a signed URL to download a file.

    The URL needs no token, and expires.
    """
    url, expires_at = media.reading.download_url(call.person, call.params["item_id"])
    return Answer({"url": url, "expires_at": expires_at}, headers=NO_STORE)


def delete_file(media: MediaUseCases, call: EmptyCall) -> Answer[None]:
    """Delete a file.

    The URLs of the file stop working.
    """
    media.removal.delete(call.person, call.params["item_id"])
    return Answer(None)


def download_content(media: MediaUseCases, call: Call[None, MediaContentQuery]) -> StreamAnswer:
    """Download the bytes of a file.

    By the signed URL of the file; no token is needed. Supports ranges and `If-None-Match`; always an attachment.
    """
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


def _range(call: Call[object, object], item: MediaItem, tag: str) -> tuple[int, int, int]:
    """The bytes asked for and the status of the answer. Raises MEDIA_007."""
    # If-Range compares strongly: a weak tag or a date is never ours (RFC 9110 section 13.1.5).
    wanted = call.headers.get("Range") if call.headers.get("If-Range", tag) == tag else None
    try:
        found = byte_range(wanted, item.size)
    except NoSuchRange as error:
        raise ServiceError(NO_SUCH_RANGE, headers={"Content-Range": f"bytes */{item.size}"}) from error
    return (0, item.size, 200) if found is None else (*found, 206)


ROUTES = (
    Route("GET", "/media/usage", read_usage),
    Route("GET", "/media/items", list_files),
    Route("GET", "/media/items/{item_id}", read_file, raises=(NO_ITEM,), headers=("ETag",)),
    Route("GET", "/media/items/{item_id}/download", read_download_url, raises=(NO_ITEM,)),
    Route("DELETE", "/media/items/{item_id}", delete_file, status=204, raises=(NO_ITEM,)),
    Route(
        "GET",
        "/media/content/{item_id}",
        download_content,
        offers=ANY_TYPE,
        raises=(NO_ITEM, BAD_SIGNATURE, NO_SUCH_RANGE),
        headers=("ETag", "Content-Disposition", "Accept-Ranges"),
    ),
)
