"""Objects in a bucket of Google Cloud Storage."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.google_storage import ENDPOINT, open_client
from heartguard_media.domain.items import MediaItem, Ticket, Written
from heartguard_media.domain.names import content_disposition

BLOCK_BYTES = 1024 * 1024  # bytes of one request; a multiple of 256 KiB, as resumable uploads require
TIMEOUT_SECONDS = (3.05, 15.0)  # to connect, and between two bytes of an answer
RETRY_SECONDS = 5.0
PREFIX = "org_"
T = TypeVar("T")


@dataclass(frozen=True)
class ClientErrors:
    """Exceptions of the client library: no such object, a condition that is not met, and all kinds of failures."""

    missing: type[Exception]
    unmet: type[Exception]
    failures: tuple[type[Exception], ...]


class GcsStore:
    """A bucket; `open_bucket` passes in what belongs to the client library.

    `signer` are credentials that can sign; without them there are no direct URLs. `retry` is the library's
    budget for calls that may be repeated; `timeout` the seconds to connect, and between two bytes of an answer.
    """

    def __init__(
        self,
        bucket: Any,
        *,
        endpoint: str,
        signer: object,
        retry: object,
        errors: "ClientErrors",
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._signer = signer
        self._retry = retry
        self._errors = errors
        self._timeout = timeout

    def write(self, key: str, blocks: Iterable[bytes]) -> Written:
        """Store a new object whole or, when `blocks` raises, not at all.

        Raises FileExistsError when the key is used, GEN_503 when the store fails. The library compares the CRC32C of
        what it sent with what the store has taken.
        """
        source = _Source(blocks)
        blob = self._bucket.blob(key, chunk_size=BLOCK_BYTES)

        def send() -> None:
            try:
                # A key is used once: the condition makes it safe to send a block again.
                blob.upload_from_file(
                    source,
                    content_type="application/octet-stream",
                    if_generation_match=0,
                    retry=self._retry,
                    timeout=self._timeout,
                )
            except self._errors.unmet as error:
                raise FileExistsError(key) from error

        self._call(send)
        return Written(source.tell(), source.digest.hexdigest())

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in blocks. Raises FileNotFoundError before the first one, GEN_503."""
        if self.size(key) is None:
            raise FileNotFoundError(key)
        return self._blocks(self._bucket.blob(key), start, start + length)

    def size(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none. Raises GEN_503."""
        blob = self._bucket.blob(key)

        def ask() -> int | None:
            try:
                blob.reload(retry=self._retry, timeout=self._timeout)
            except self._errors.missing:
                return None
            return int(blob.size)

        return self._call(ask)

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none. Raises GEN_503."""
        blob = self._bucket.blob(key)

        def remove() -> None:
            with contextlib.suppress(self._errors.missing):
                blob.delete(retry=self._retry, timeout=self._timeout)

        self._call(remove)

    def abandon(self, folder: str) -> None:
        """Do nothing: an unfinished write is no object, and its bytes can't be listed."""

    def older_than(self, seconds: float) -> Iterator[str]:
        """The keys of all objects that were stored longer ago than that. Raises GEN_503."""
        limit = time.time() - seconds
        listed = iter(self._list())
        while (blob := self._call(lambda: next(listed, None))) is not None:
            if blob.time_created.timestamp() < limit:
                yield str(blob.name)

    def direct_url(self, item: MediaItem, seconds: int) -> str | None:
        """A V4 signed URL for reading, always as an attachment; None when the credentials can't sign."""
        options = {"response_disposition": content_disposition(item.file_name), "response_type": item.content_type}
        return self._signed_url(item, "GET", seconds, **options)

    @property
    def receives_here(self) -> bool:
        """Whether the bytes of direct uploads come through this service."""
        return self._signer is None

    def direct_upload(self, item: MediaItem, seconds: int) -> Ticket | None:
        """A V4 signed URL for writing; type, size and that it works only once are under its signature too.

        None when the credentials can't sign.
        """
        headers = {
            "Content-Type": item.content_type,
            "x-goog-content-length-range": f"{item.size},{item.size}",
            "x-goog-if-generation-match": "0",
        }
        # A copy, because the library adds the host to it.
        url = self._signed_url(item, "PUT", seconds, headers=dict(headers))
        return None if url is None else Ticket(url, headers)

    def ping(self) -> None:
        """Raises GEN_503 when the bucket can't be listed."""
        self._call(lambda: next(iter(self._list(max_results=1, retry=None)), None))

    def close(self) -> None:
        """Close the connections."""
        self._bucket.client.close()

    def _signed_url(self, item: MediaItem, method: str, seconds: int, **options: object) -> str | None:
        if self._signer is None:
            return None
        url: str = self._bucket.blob(item.key).generate_signed_url(
            version="v4",
            method=method,
            expiration=timedelta(seconds=seconds),
            credentials=self._signer,
            api_access_endpoint=self._endpoint,
            **options,
        )
        return url

    def _list(self, **options: Any) -> Any:
        options = {"retry": self._retry, **options}
        return self._bucket.list_blobs(
            prefix=PREFIX, fields="items(name,timeCreated),nextPageToken", timeout=self._timeout, **options
        )

    def _blocks(self, blob: Any, start: int, stop: int) -> Iterator[bytes]:
        for begin in range(start, stop, BLOCK_BYTES):
            end = min(begin + BLOCK_BYTES, stop) - 1
            yield self._call(
                lambda begin=begin, end=end: blob.download_as_bytes(  # type: ignore[misc]
                    start=begin, end=end, raw_download=True, retry=self._retry, timeout=self._timeout
                )
            )

    def _call(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except self._errors.failures as error:
            raise ServiceError(UNAVAILABLE, "The object store gives no good answer") from error


class _Source:
    """Blocks as a file object, which the library needs: `read` returns the wanted length, `tell` the position."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._blocks = iter(blocks)
        self._rest = b""
        self._position = 0

    def read(self, size: int) -> bytes:
        parts, length = [self._rest], len(self._rest)
        while length < size and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            length += len(block)
        joined = b"".join(parts)
        taken, self._rest = joined[:size], joined[size:]
        self.digest.update(taken)
        self._position += len(taken)
        return taken

    def tell(self) -> int:
        return self._position


def open_bucket(
    name: str,
    credentials: Path | None,
    emulator: str | None,
    retry_seconds: float = RETRY_SECONDS,
    timeout: tuple[float, float] = TIMEOUT_SECONDS,
) -> GcsStore:
    """The store for a bucket, with the key file of a service account, or at an emulator. Does not connect yet.

    Raises ValueError when the file holds no such key, `SettingsError` without the packages.
    """
    client, signer = open_client(credentials, emulator)
    # Imported only where there is a bucket: the library costs memory and start time.
    from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from google.cloud.exceptions import GoogleCloudError  # noqa: PLC0415
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse  # noqa: PLC0415
    from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    failures = (GoogleAPIError, GoogleCloudError, GoogleAuthError, DataCorruption, InvalidResponse, RequestException)
    return GcsStore(
        client.bucket(name),
        endpoint=emulator or ENDPOINT,
        signer=signer,
        retry=DEFAULT_RETRY.with_timeout(retry_seconds),
        errors=ClientErrors(NotFound, PreconditionFailed, failures),
        timeout=timeout,
    )
