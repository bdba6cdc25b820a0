"""The HTTP face of media."""

from collections.abc import Iterator
from typing import Any

from werkzeug.http import parse_range_header

from heartguard_common import etag, paging
from heartguard_common.body import Reader
from heartguard_common.errors import ServiceError
from heartguard_common.routing import ANY_TYPE, Answer, Call, Route
from heartguard_media.domain import DOCUMENT_LIMIT, MediaItem, Scope, Upload, content_disposition, is_media_type
from heartguard_media.errors import NO_MEDIA_TYPE, NO_SUCH_RANGE
from heartguard_media.usecases import MediaUseCases

BLOCK_BYTES = 256 * 1024
NO_STORE = {"Cache-Control": "no-store"}


def upload_document(media: MediaUseCases, call: Call) -> Answer:
    sent = call.document
    upload = Upload(sent["file_name"], sent["content_type"], DOCUMENT_LIMIT, sha256=sent.get("sha256"))
    return _created(media.upload_document(call.person, upload, sent["data_base64"]))


def upload_bytes(media: MediaUseCases, call: Call) -> Answer:
    content_type = call.headers.get("Content-Type", "")
    if not is_media_type(content_type):
        raise ServiceError(NO_MEDIA_TYPE)
    upload = Upload(call.query["file_name"], content_type, media.max_bytes, length=call.content_length)
    return _created(media.upload(call.person, upload, _blocks(call.stream)))


def list_items(media: MediaUseCases, call: Call) -> Answer:
    wanted = Scope(call.person.org_id or 0, call.query.get("owner_id"), call.query.get("content_type"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), str)
    found = media.list(call.person, wanted, cursor[0] if cursor else None, limit + 1)
    return Answer(paging.page(found, limit, _document, lambda item: [item.id]), headers=NO_STORE)


def read(media: MediaUseCases, call: Call) -> Answer:
    document = _document(media.read(call.person, call.params["item_id"]))
    return Answer(document, headers={**NO_STORE, "ETag": etag.entity_tag(document)})


def download(media: MediaUseCases, call: Call) -> Answer:
    url, expires_at = media.download_url(call.person, call.params["item_id"])
    return Answer({"url": url, "expires_at": expires_at}, headers=NO_STORE)


def delete(media: MediaUseCases, call: Call) -> Answer:
    media.delete(call.person, call.params["item_id"])
    return Answer()


def content(media: MediaUseCases, call: Call) -> Answer:
    item = media.content_of(call.params["item_id"], call.query["expires"], call.query["signature"])
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
        return Answer(stream=(), status=304, headers=headers, media_type=item.content_type)
    start, stop, status = _range(call, item, tag)
    headers["Content-Length"] = str(stop - start)
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{item.size}"
    blocks = media.content(item, start, stop - start)
    return Answer(stream=blocks, status=status, headers=headers, media_type=item.content_type)


def erase(media: MediaUseCases, call: Call) -> Answer:
    return Answer({"removed": media.erase(call.person, call.document["org_id"], call.document.get("user_id"))})


def _range(call: Call, item: MediaItem, tag: str) -> tuple[int, int, int]:
    """The bytes asked for and the status of the answer (RFC 9110 section 14); several ranges are answered whole."""
    wanted = parse_range_header(call.headers.get("Range"))
    condition = call.headers.get("If-Range", tag)
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or condition != tag:
        return 0, item.size, 200
    found = wanted.range_for_length(item.size)
    if found is None:
        raise ServiceError(NO_SUCH_RANGE, headers={"Content-Range": f"bytes */{item.size}"})
    return found[0], found[1], 206


def _blocks(stream: Reader | None) -> Iterator[bytes]:
    while stream is not None and (block := stream.read(BLOCK_BYTES)):
        yield block


def _created(item: MediaItem) -> Answer:
    return Answer(_document(item), headers={"Location": f"/media/items/{item.id}", **NO_STORE})


def _document(item: MediaItem) -> dict[str, Any]:
    names = ("id", "file_name", "content_type", "size", "sha256", "status", "owner_id", "created_at")
    return {name: getattr(item, name) for name in names}


ROUTES = (
    Route(
        "POST", "/media/upload", upload_document, takes="MediaUpload", gives="MediaItem", status=201, idempotent=True
    ),
    Route(
        "PUT",
        "/media/upload",
        upload_bytes,
        gives="MediaItem",
        query="MediaUploadQuery",
        status=201,
        body="stream",
        accepts=(),
    ),
    Route("GET", "/media/items", list_items, gives="MediaItemList", query="MediaListQuery", body="none"),
    Route("GET", "/media/items/{item_id}", read, gives="MediaItem", body="none"),
    Route("GET", "/media/items/{item_id}/download", download, gives="MediaDownload", body="none"),
    Route("DELETE", "/media/items/{item_id}", delete, status=204, body="none"),
    Route("GET", "/media/content/{item_id}", content, query="MediaContentQuery", body="none", offers=ANY_TYPE),
    Route("POST", "/media/erasures", erase, takes="ErasureRequest", gives="ErasureResult"),
)
