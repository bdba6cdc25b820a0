"""Files of an organization's members.

Made by schemas/build.py from schemas/media_item.schema.json: change that, not this file.
"""

from typing import Literal, NotRequired, TypedDict


class MediaUpload(TypedDict):
    """A small file inside a document: at most 5 MiB once decoded."""

    file_name: str
    content_type: str
    data_base64: str
    sha256: NotRequired[str]


class MediaUploadQuery(TypedDict):
    """Name of the file whose bytes are the body."""

    file_name: str


class UploadRequest(TypedDict):
    """A file whose bytes will come by a URL of their own."""

    file_name: str
    content_type: str
    size: int
    sha256: NotRequired[str]


class UploadTicket(TypedDict):
    """How the bytes get to the store: one request of this method to this URL, with these headers. Then the upload is
    completed.
    """

    id: str
    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: str


class OpenUploadDocument(TypedDict):
    """An announced upload that is not finished; `size` bytes are reserved for it."""

    id: str
    file_name: str
    content_type: str
    size: int
    owner_id: int
    created_at: str
    expires_at: str


class UploadList(TypedDict):
    """A page of announced uploads that are not finished."""

    items: list[OpenUploadDocument]
    next_cursor: NotRequired[str | None]


class MediaUsage(TypedDict):
    """What the organization stores, and how much it may store."""

    items: int
    bytes: int
    quota_bytes: int


class MediaItem(TypedDict):
    """What is known of a file."""

    id: str
    file_name: str
    content_type: NotRequired[str]
    size: NotRequired[int]
    sha256: NotRequired[str]
    status: NotRequired[str]
    owner_id: NotRequired[int]
    created_at: NotRequired[str]


class MediaListQuery(TypedDict):
    """Filters and page of the list of files."""

    owner_id: NotRequired[int]
    content_type: NotRequired[str]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class MediaItemList(TypedDict):
    """A page of files."""

    items: list[MediaItem]
    next_cursor: NotRequired[str | None]


class MediaDownload(TypedDict):
    """Where the bytes can be fetched, and until when."""

    url: str
    expires_at: str


class MediaContentQuery(TypedDict):
    """The signature of a URL that needs no token."""

    expires: int
    disposition: NotRequired[str]
    signature: str
