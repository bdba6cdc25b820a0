"""Objects in a bucket of Google Cloud Storage."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from heartguard_common.errors import UNAVAILABLE, ServiceError
from heartguard_media.domain import MediaItem, Written, content_disposition

BLOCK_BYTES = 1024 * 1024  # what one request carries; a multiple of 256 KiB, as resumable uploads want it
TIMEOUT_SECONDS = (3.05, 15.0)  # to connect, and between two bytes of an answer
RETRY_SECONDS = 5.0
PREFIX = "org_"
T = TypeVar("T")


class GcsStore:
    """A bucket; what must be known of the client library comes in from `open_bucket`.

    `signer` are credentials that can sign; without them there are no direct URLs. `retry` is the library's
    budget for calls that may be repeated, `failures` what it raises when the store gives no good answer.
    """

    def __init__(
        self,
        bucket: Any,
        *,
        endpoint: str,
        signer: Any,
        retry: Any,
        missing: type[Exception],
        failures: tuple[type[Exception], ...],
    ) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._signer = signer
        self._retry = retry
        self._missing = missing
        self._failures = failures

    def write(self, key: str, blocks: Iterable[bytes]) -> Written:
        """Store a new object whole or, when `blocks` raises, not at all. Raises GEN_503 when the store fails.

        The library compares the CRC32C of what it sent with what the store has taken.
        """
        source = _Source(blocks)
        blob = self._bucket.blob(key, chunk_size=BLOCK_BYTES)
        # A key is used once: the condition makes it safe to send a block again.
        self._asked(
            lambda: blob.upload_from_file(
                source,
                content_type="application/octet-stream",
                if_generation_match=0,
                retry=self._retry,
                timeout=TIMEOUT_SECONDS,
            )
        )
        return Written(source.tell(), source.digest.hexdigest())

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in blocks. Raises FileNotFoundError before the first one, GEN_503."""
        blob = self._bucket.blob(key)
        if not self._asked(lambda: blob.exists(retry=self._retry, timeout=TIMEOUT_SECONDS)):
            raise FileNotFoundError(key)
        return self._blocks(blob, start, start + length)

    def delete(self, key: str) -> None:
        """Remove an object; no fault when it is gone. Raises GEN_503."""
        blob = self._bucket.blob(key)

        def gone() -> None:
            with contextlib.suppress(self._missing):
                blob.delete(retry=self._retry, timeout=TIMEOUT_SECONDS)

        self._asked(gone)

    def older_than(self, seconds: float) -> Iterator[str]:
        """The keys of all objects that were stored longer ago than that. Raises GEN_503."""
        limit = time.time() - seconds
        listed = iter(self._list())
        while (blob := self._asked(lambda: next(listed, None))) is not None:
            if blob.time_created.timestamp() < limit:
                yield str(blob.name)

    def direct_url(self, item: MediaItem, seconds: int) -> str | None:
        """A V4 signed URL for reading, always as an attachment; None when the credentials can't sign."""
        if self._signer is None:
            return None
        blob = self._bucket.blob(item.key)
        url: str = blob.generate_signed_url(
            version="v4",
            method="GET",
            expiration=timedelta(seconds=seconds),
            response_disposition=content_disposition(item.file_name),
            response_type=item.content_type,
            credentials=self._signer,
            api_access_endpoint=self._endpoint,
        )
        return url

    def ping(self) -> None:
        """Raises GEN_503 when the bucket can't be listed, which is all that is needed to be sure of it."""
        self._asked(lambda: next(iter(self._list(max_results=1, retry=None)), None))

    def close(self) -> None:
        """Let go of the connections."""
        self._bucket.client.close()

    def _list(self, **how: Any) -> Any:
        how = {"retry": self._retry, **how}
        return self._bucket.list_blobs(
            prefix=PREFIX, fields="items(name,timeCreated),nextPageToken", timeout=TIMEOUT_SECONDS, **how
        )

    def _blocks(self, blob: Any, start: int, stop: int) -> Iterator[bytes]:
        for begin in range(start, stop, BLOCK_BYTES):
            end = min(begin + BLOCK_BYTES, stop) - 1
            yield self._asked(
                lambda begin=begin, end=end: blob.download_as_bytes(  # type: ignore[misc]
                    start=begin, end=end, raw_download=True, retry=self._retry, timeout=TIMEOUT_SECONDS
                )
            )

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except self._failures as error:
            raise ServiceError(UNAVAILABLE, "The object store gives no good answer") from error


class _Source:
    """Blocks as the file that the library wants: read to the asked length, and told how far it is."""

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
    name: str, credentials: Path | None, emulator: str | None, retry_seconds: float = RETRY_SECONDS
) -> GcsStore:
    """The store for a bucket, with the key file of a service account, or at an emulator. Does not connect yet.

    Raises ValueError when the file holds no such key.
    """
    # Loaded only where there is a bucket: nobody else should pay for the library with memory and start time.
    from google.api_core.exceptions import GoogleAPIError, NotFound  # noqa: PLC0415
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from google.cloud.exceptions import GoogleCloudError  # noqa: PLC0415
    from google.cloud.storage import Client  # noqa: PLC0415
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse  # noqa: PLC0415
    from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415
    from google.oauth2.service_account import Credentials  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    scopes = ("https://www.googleapis.com/auth/devstorage.read_write",)
    signer: Any = None
    if credentials is not None:
        signer = Credentials.from_service_account_file(str(credentials), scopes=scopes)  # type: ignore[no-untyped-call]
    endpoint = emulator or "https://storage.googleapis.com"
    client = Client(
        project=signer.project_id if signer else "heartguard",
        # An emulator knows nobody; it must not be shown a real key.
        credentials=AnonymousCredentials() if emulator else signer,  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoint},
    )
    failures = (GoogleAPIError, GoogleCloudError, GoogleAuthError, DataCorruption, InvalidResponse, RequestException)
    return GcsStore(
        client.bucket(name),
        endpoint=endpoint,
        signer=signer,
        retry=DEFAULT_RETRY.with_timeout(retry_seconds),
        missing=NotFound,
        failures=failures,
    )
