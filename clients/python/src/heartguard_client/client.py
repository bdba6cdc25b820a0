"""The client: one method for each thing that apps and scripts do."""

import json
import platform
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from heartguard_client._version import __version__
from heartguard_client.alarms import Alarms
from heartguard_client.credentials import Credentials
from heartguard_client.errors import HeartGuardError, NoAnswerError
from heartguard_client.events import EventReader, StreamEvent
from heartguard_client.messages import (
    Aggregate,
    AuditEvent,
    Bucket,
    CatalogueEntryDocument,
    HeartRateSummary,
    Job,
    LatestPointDocument,
    LoginResponse,
    MediaDownload,
    MediaItem,
    PointDocument,
    RegisterResponse,
    SeriesExportRequest,
    User,
    WriteResult,
)
from heartguard_client.points import Point, Rejected, Sample, Time, rfc3339
from heartguard_client.retry import RetryPolicy
from heartguard_client.transport import IDEMPOTENCY_KEY, JSON, NDJSON, Transport

BATCH = 10_000
"""The most points of one request (WriteRequest)."""
PAGE = 10_000
BLOCK_BYTES = 64 * 1024
T = TypeVar("T")


class Client:
    """A client of one HeartGuard. Threads may share it; `with` closes its connections.

    `timeout` is how many seconds an answer may be silent. Every method raises `ApiError` for an answer that is an
    error, `NoAnswerError` when there is none, `LoginNeededError` without valid credentials.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        retry: RetryPolicy | None = None,
        timeout: float = 60.0,
    ) -> None:
        agent = f"heartguard-client/{__version__} Python/{platform.python_version()}"
        self._transport = Transport(url, credentials, retry=retry or RetryPolicy(), timeout=timeout, agent=agent)
        self.alarms = Alarms(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    # Accounts

    def register(
        self,
        email: str,
        password: str,
        *,
        organization_name: str | None = None,
        invitation: str | None = None,
        full_name: str | None = None,
    ) -> RegisterResponse:
        """Create an account: with a new organization, or in the one of an invitation."""
        optional = {"organization_name": organization_name, "invitation": invitation, "full_name": full_name}
        given = {name: value for name, value in optional.items() if value is not None}
        document = {"email": email, "password": password, **given}
        return cast("RegisterResponse", self._json("POST", "auth/register", document=document))

    def log_in(self, email: str, password: str) -> LoginResponse:
        """A new session's pair of tokens; this client does not use it."""
        answer = self._json("POST", "auth/login", document={"email": email, "password": password})
        return cast("LoginResponse", answer)

    def log_out(self) -> None:
        """End the session of this client's token."""
        self._transport.send("POST", "auth/logout")

    def me(self) -> User:
        """The caller."""
        return cast("User", self._json("GET", "users/me"))

    def default_bucket(self) -> str:
        """The bucket that the caller's organization has from the beginning."""
        return f"org_{self.me()['org_id']}"

    # Points

    def write(
        self,
        bucket: str,
        points: Iterable[Point | PointDocument],
        *,
        idempotency_key: str | None = None,
        atomic: bool = False,
    ) -> list[Rejected]:
        """Store points, in requests of at most `BATCH`; returns those that are not stored, each with the reason.

        Each request has an Idempotency-Key, so that it can be repeated until there is an answer. With a key of your
        own there may be `BATCH` points at most: ValueError after those. With `atomic` a request stores all of its
        points or none.
        """
        rejected: list[Rejected] = []
        for number, batch in enumerate(_batches(points, BATCH)):
            if idempotency_key is not None and number:
                raise ValueError(f"one idempotency_key is for one request, of at most {BATCH} points")
            key = idempotency_key or uuid.uuid4().hex
            result = self.write_batch(bucket, batch, key, atomic=atomic)
            rejected += [
                Rejected(point, verdict.get("reason", ""))
                for point, verdict in zip(batch, result["results"], strict=True)
                if verdict["status"] == "rejected"
            ]
        return rejected

    def write_batch(
        self,
        bucket: str,
        points: Sequence[PointDocument],
        idempotency_key: str,
        *,
        atomic: bool = False,
        retry: RetryPolicy | None = None,
    ) -> WriteResult:
        """Store at most `BATCH` points by one request; returns the verdict on each."""
        answer = self._transport.send(
            "POST",
            "timeseries/write",
            params={"atomic": "true"} if atomic else None,
            document={"bucket": bucket, "points": points},
            headers={IDEMPOTENCY_KEY: idempotency_key},
            retry=retry,
        )
        return cast("WriteResult", answer.json())

    def samples(
        self,
        bucket: str,
        measurement: str,
        start: Time,
        stop: Time,
        *,
        tags: Mapping[str, str] | None = None,
        fields: Sequence[str] | None = None,
        newest_first: bool = False,
    ) -> Iterator[Sample]:
        """The raw points from `start` until before `stop`, in the order of time.

        They are read page by page while you iterate, so any number fits into memory, and a connection that breaks
        costs one page.
        """
        query = _query(bucket, measurement, start, stop, tags, fields)
        query |= {"limit": PAGE, "order": "desc" if newest_first else "asc"}
        while True:
            rows, cursor = self._page(query)
            yield from rows
            if cursor is None:
                return
            query["cursor"] = cursor

    def windows(
        self,
        bucket: str,
        measurement: str,
        start: Time,
        stop: Time,
        *,
        aggregate: Aggregate,
        every: str,
        time_zone: str | None = None,
        tags: Mapping[str, str] | None = None,
        fields: Sequence[str] | None = None,
        group_by: Sequence[str] | None = None,
        fill_empty: bool = False,
    ) -> list[Sample]:
        """One sample for each window of `every` (such as `1m`, `1h`, `1d`; days and more are of `time_zone`)."""
        query = _query(bucket, measurement, start, stop, tags, fields)
        query |= {"aggregate": aggregate, "every": every, "fill": "null" if fill_empty else "none"}
        if time_zone is not None:
            query["time_zone"] = time_zone
        if group_by is not None:
            query["group_by"] = list(group_by)
        return self._page(query)[0]

    def latest(
        self, bucket: str, measurement: str | None = None, *, tags: Mapping[str, str] | None = None
    ) -> Iterator[LatestPointDocument]:
        """The last point of each series."""
        query: dict[str, Any] = {"bucket": bucket}
        if measurement is not None:
            query["measurement"] = measurement
        if tags:
            query["tags"] = dict(tags)
        while True:
            page = self._json("POST", "timeseries/latest", document=query, reads=True)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def stream(
        self,
        topics: Sequence[str] = ("points",),
        *,
        measurement: str | None = None,
        user_id: int | None = None,
        last_event_id: str = "",
    ) -> Iterator[StreamEvent]:
        """Points, alarms and the progress of jobs at the moment when they are stored, without end.

        After a lost connection the stream goes on where it was; an event `reset` says where that was not possible.
        """
        params = {"topics": ",".join(topics), "measurement": measurement, "user_id": user_id and str(user_id)}
        wanted = {name: value for name, value in params.items() if value}
        return EventReader(self._transport, wanted, last_event_id).events()

    def summary(
        self, bucket: str, day: str, *, user_id: int | None = None, time_zone: str | None = None
    ) -> HeartRateSummary:
        """A day of heart rate (`day` is YYYY-MM-DD in `time_zone`) of the caller, or of another person."""
        query: dict[str, Any] = {"bucket": bucket, "day": day}
        if user_id is not None:
            query["user_id"] = user_id
        if time_zone is not None:
            query["time_zone"] = time_zone
        return cast("HeartRateSummary", self._json("POST", "timeseries/summary", document=query, reads=True))

    def buckets(self) -> Iterator[Bucket]:
        """The organization's buckets."""
        return cast("Iterator[Bucket]", self.pages("timeseries/buckets"))

    def catalogue(self) -> list[CatalogueEntryDocument]:
        """What can be measured: names, units, ranges and fields."""
        answer = self._json("GET", "timeseries/measurements")
        return cast("list[CatalogueEntryDocument]", answer["items"])

    # Files, the audit trail, one's own data

    def upload(self, path: Path, media_type: str = "application/octet-stream", name: str | None = None) -> MediaItem:
        """Store a file; its bytes are read into memory."""
        answer = self._transport.send(
            "PUT",
            "media/upload",
            params={"file_name": name or path.name},
            body=path.read_bytes(),
            headers={"Content-Type": media_type},
        )
        return cast("MediaItem", answer.json())

    def download(self, item_id: str, path: Path) -> int:
        """Write a stored file to `path`; returns its size in bytes."""
        found = cast("MediaDownload", self._json("GET", f"media/items/{item_id}/download"))
        return self._save(found["url"], path)

    def audit_events(self, **filters: str) -> Iterator[AuditEvent]:
        """The audit trail, newest first; filters as in the API: `kind`, `actor`, `since` and others."""
        return cast("Iterator[AuditEvent]", self.pages("audit/events", **filters))

    def export_mine(self, path: Path, *, wait: float = 3600.0) -> int:
        """Have an archive of the caller's data made, and write it to `path`; returns its size in bytes.

        Raises `HeartGuardError` when it fails or is not done after `wait` seconds.
        """
        key = {IDEMPOTENCY_KEY: uuid.uuid4().hex}
        job = cast("Job", self._json("POST", "users/me/export", headers=key))
        return self._save(self._finished(job, "users/me/exports", wait), path)

    def export_series(
        self,
        path: Path,
        bucket: str,
        start: Time,
        stop: Time,
        *,
        measurement: str | None = None,
        user_id: int | None = None,
        wait: float = 3600.0,
    ) -> int:
        """Have a file made of the points from `start` until before `stop`, and write it to `path`; returns its size.

        The name says the format: `.csv` or `.parquet`; ValueError for another one. Without `measurement` it has all,
        without `user_id` those of the whole organization, and for a caller with the role user their own. Raises
        `HeartGuardError` when it fails or is not done after `wait` seconds.
        """
        kind = path.suffix.lower().removeprefix(".")
        if kind not in ("csv", "parquet"):
            raise ValueError(f"the name of {path.name} must end with .csv or .parquet")
        wanted = cast(
            "SeriesExportRequest",
            {"bucket": bucket, "range_start": rfc3339(start), "range_stop": rfc3339(stop), "format": kind},
        )
        if measurement is not None:
            wanted["measurement"] = measurement
        if user_id is not None:
            wanted["user_id"] = user_id
        key = {IDEMPOTENCY_KEY: uuid.uuid4().hex}
        job = cast("Job", self._json("POST", "timeseries/exports", document=wanted, headers=key))
        return self._save(self._finished(job, "timeseries/exports", wait), path)

    def _finished(self, job: Job, place: str, wait: float) -> str:
        """Where the result of a job is, once it is done."""
        ends, pause = time.monotonic() + wait, 0.2
        while job["status"] not in ("done", "failed"):
            if time.monotonic() > ends:
                raise HeartGuardError(f"the export {job['id']} is not done after {wait:.0f} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 10.0)
            job = cast("Job", self._json("GET", f"{place}/{job['id']}"))
        if job["status"] == "failed":
            raise HeartGuardError(f"the export {job['id']} has failed: {job.get('error', 'no reason is given')}")
        if "result_url" not in job:
            raise HeartGuardError(f"the file of the export {job['id']} was replaced or removed")
        return job["result_url"]

    # Anything else

    def pages(self, path: str, **query: str) -> Iterator[Any]:
        """The items of a list of the API, over all its pages."""
        while True:
            page = self._json("GET", path, params=query)
            yield from page["items"]
            if page.get("next_cursor") is None:
                return
            query["cursor"] = page["next_cursor"]

    def call(
        self,
        method: str,
        path: str,
        *,
        document: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of any answer, for what has no method here; in XML with `accept="application/xml"`.

        A `body` in XML is sent with `content_type="application/xml"`.
        """
        headers = {"Content-Type": content_type} if body is not None else None
        answer = self._transport.send(
            method, path, params=params, document=document, body=body, headers=headers, accept=accept
        )
        return answer.content

    def json(
        self,
        method: str,
        path: str,
        *,
        document: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Any answer as a document, for what has no method here; see `call` for other formats."""
        return self._json(method, path, document=document, headers=headers)

    def _json(self, method: str, path: str, **how: Any) -> Any:
        return self._transport.send(method, path, **how).json()

    def _page(self, query: Mapping[str, Any]) -> tuple[list[Sample], str | None]:
        answer = self._transport.send("POST", "timeseries/query", document=query, accept=NDJSON, reads=True)
        rows = [_sample(query["measurement"], json.loads(line)) for line in answer.content.splitlines() if line]
        return rows, answer.headers.get("X-Next-Cursor")

    def _save(self, url: str, path: Path) -> int:
        """Write what a signed URL gives to a file, which appears when it is complete."""
        part = path.with_name(f"{path.name}.part")
        answer = self._transport.send("GET", url, accept="*/*", stream=True)
        expected = answer.headers.get("Content-Length")
        try:
            with answer, part.open("wb") as file:
                for block in answer.iter_content(BLOCK_BYTES):
                    file.write(block)
                size = file.tell()
            if expected is not None and size != int(expected):
                raise NoAnswerError(f"{size} of {expected} bytes came")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return size


def _query(
    bucket: str,
    measurement: str,
    start: Time,
    stop: Time,
    tags: Mapping[str, str] | None,
    fields: Sequence[str] | None,
) -> dict[str, Any]:
    query: dict[str, Any] = {
        "bucket": bucket,
        "measurement": measurement,
        "range_start": rfc3339(start),
        "range_stop": rfc3339(stop),
    }
    if tags:
        query["tags"] = dict(tags)
    if fields:
        query["fields"] = list(fields)
    return query


def _sample(measurement: str, row: dict[str, Any]) -> Sample:
    return Sample(measurement, row["time"], row["fields"], row.get("tags") or {}, row.get("count"))


def _batches(points: Iterable[Point | PointDocument], size: int) -> Iterator[list[PointDocument]]:
    documents = (point.document() if isinstance(point, Point) else point for point in points)
    while batch := list(islice(documents, size)):
        yield batch
