"""Requests to an InfluxDB 2 through its client library: retries, limits of time and size, translated errors."""

import random
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.date_time_literal import DateTimeLiteral
from influxdb_client.domain.post_bucket_request import PostBucketRequest
from influxdb_client.rest import ApiException

from heartguard_common.core import deadline
from heartguard_common.core.clock import NANOSECONDS, rfc3339
from heartguard_common.core.errors import ErrorCode, ServiceError
from heartguard_influx.errors import STORE_BUSY, STORE_FAILED, STORE_REFUSES, STORE_UNAVAILABLE
from heartguard_influx.store.influxdb import failures
from heartguard_influx.store.influxdb.access import (
    BUSY,
    LOST,
    AccessError,
    HiddenError,
    RightsChecks,
    read_error,
    require_rights,
)
from heartguard_influx.store.influxdb.answers import AnswerError, Record, read
from heartguard_influx.store.influxdb.flux import Instant, Query
from heartguard_influx.store.influxdb.transport import BoundedPoolManager, UnboundedAnswerError, blocks

T = TypeVar("T")
_PERMANENT = (400, 404, 413, 422)
PROBE = "heartguard_ready"
PROBE_DAYS = 1
_PAGE_BUCKETS = 100
_EMPTY_RANGE = ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z")


class RefusedError(Exception):
    """The server refuses a request for good: `status` is 400, 404, 413 or 422; its code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class RequestLimits:
    """How long to wait for the server, in seconds: `connect`, the next bytes (`read`), all tries together (`deadline`).

    `answer` and `answer_bytes` limit a whole answer, from its first try on; `answer` and `read` together are less than
    the 30 s that the gateway waits. Every request may be sent again: writing a point, deleting, and creating a bucket
    have the same effect the second time.
    """

    connect: float = 2.0
    read: float = 8.0
    deadline: float = 15.0
    answer: float = 20.0
    answer_bytes: int = 512 * 1024 * 1024
    attempts: int = 4
    first_pause: float = 0.1


class Server:
    """One organization of an InfluxDB."""

    def __init__(
        self,
        url: str,
        token: str,
        org: str,
        *,
        limits: RequestLimits = RequestLimits(),
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        count: Callable[[str], None] = failures.uncounted,
    ) -> None:
        """`count` is called with the kind of each failure, of `failures.KINDS`."""
        timeout = (int(limits.connect * 1000), int(limits.read * 1000))
        self._client = InfluxDBClient(url, token, org=org, timeout=timeout, connection_pool_maxsize=16)
        # The client can't limit an answer, so its connection pool is replaced by one that does.
        rest: Any = self._client.api_client.rest_client
        rest.pool_manager = BoundedPoolManager(limits.answer, monotonic, **rest.pool_manager.connection_pool_kw)
        self._write = self._client.write_api(write_options=SYNCHRONOUS)
        self._query = self._client.query_api()
        self._url = url
        self._org = org
        self.count = count
        self._limits = limits
        self._sleep = sleep
        self._monotonic = monotonic

    def ping(self) -> None:
        """Check that the token may read, write and delete, in a bucket for this purpose that stays empty.

        The server's health answer needs no token, and a query with an invalid token gets the answer for a missing
        bucket. Raises `AccessError`, which names the wrong variable.
        """
        try:
            require_rights(self._rights_checks(), self._url)
        except AccessError as error:
            self._count(error.error_code)
            raise

    def _rights_checks(self) -> RightsChecks:
        return RightsChecks(
            find=lambda: self._find(PROBE),
            create=lambda: self._create(PROBE, PROBE_DAYS),
            write=lambda: self._write.write(PROBE, self._org, b""),
            delete=lambda: self._client.delete_api().delete(
                *_EMPTY_RANGE, '_measurement="none"', bucket=PROBE, org=self._org
            ),
        )

    def write(self, bucket: str, lines: Sequence[str]) -> None:
        """Send lines whose times are nanoseconds. Raises `RefusedError`; status 404 where there is no such bucket."""
        record = "\n".join(lines).encode()
        try:
            self._again(lambda: self._write.write(bucket, self._org, record))
        except ServiceError as error:
            if error.error_code in (STORE_UNAVAILABLE, STORE_FAILED):
                self.count(failures.UNCONFIRMED)
            raise

    def query(self, query: Query) -> Generator[Record, None, None]:
        """The rows of an answer one by one, none where there is no such bucket. Raises `RefusedError`.

        The request is repeated until an answer begins. An answer that breaks off is an error, because the caller has
        rows of it already. The connection is closed with the iterator.
        """
        parameters = {name: _literal(value) for name, value in query.parameters.items()}
        until = self._monotonic() + self._limits.answer
        try:
            response = self._again(lambda: self._query.query_raw(query.text, params=parameters))
        except RefusedError as refusal:
            self._require_absent(query.bucket, refusal)
            return
        with self._errors_translated():
            parts = blocks(response, until, self._limits.answer_bytes, self._monotonic)
            with closing(parts):
                yield from read(_lines(parts))
            response.release_conn()

    def delete(self, bucket: str, start_ns: int, stop_ns: int, predicate: str) -> None:
        """Delete the points of a half-open range, if there is such a bucket. Raises `RefusedError`."""
        # For the server both ends belong to the range.
        ends = (rfc3339(start_ns), rfc3339(stop_ns - 1))
        delete = self._client.delete_api().delete
        try:
            self._again(lambda: delete(*ends, predicate, bucket=bucket, org=self._org))
        except RefusedError as refusal:
            self._require_absent(bucket, refusal)

    def make_bucket(self, name: str, retention_days: int | None) -> None:
        """Create a bucket; nothing changes if there is one of that name. Raises `RefusedError`."""
        self._again(lambda: self._create(name, retention_days))

    def remove_bucket(self, name: str) -> None:
        """Remove a bucket with its points, if there is one. Raises `RefusedError`."""
        found = self._again(lambda: self._find(name))
        if found is None:
            return
        try:
            self._again(partial(self._client.buckets_api().delete_bucket, found.id))
        except RefusedError as refusal:
            if refusal.status != 404:
                raise

    def bucket_names(self) -> Sequence[str]:
        """The names of all buckets that the token may see. Raises `RefusedError`."""
        names: list[str] = []
        skipped = 0
        # The server leaves out of a page what the token may not see, so only an empty page is the end.
        while page := self._again(partial(self._page, skipped)):
            names += page
            skipped += _PAGE_BUCKETS
        return names

    def _page(self, skipped: int) -> list[str]:
        found = self._client.buckets_api().find_buckets(org=self._org, offset=skipped, limit=_PAGE_BUCKETS).buckets
        return [str(bucket.name) for bucket in found or ()]

    def close(self) -> None:
        """Close the connections."""
        self._write.close()
        self._client.close()

    def _find(self, name: str) -> Any:
        """The bucket of a name, None where there is none. Raises `ServiceError` where the token may not see it.

        For a name and an organization the server answers 404 if there is no such bucket, and an empty list if the token
        may not see it or is inactive.
        """
        try:
            found = self._client.buckets_api().find_buckets(name=name, org=self._org).buckets
        except ApiException as error:
            if error.status == 404 and f'bucket "{name}" not found' in read_error(error.body)[1]:
                return None
            raise
        if found is None:
            raise AnswerError("no list of buckets")
        self._require(found, "may not read buckets, or is inactive")
        return found[0]

    def _require_absent(self, bucket: str, refusal: RefusedError) -> None:
        """Return if there is no such bucket. Raises `refusal` if it has another reason, or TS_032."""
        if refusal.status != 404:
            raise refusal
        if self._again(lambda: self._find(bucket)) is not None:
            self._count(STORE_REFUSES)
            raise ServiceError(STORE_REFUSES) from refusal

    def _create(self, name: str, retention_days: int | None) -> None:
        rules = []
        if retention_days is not None:
            rules = [BucketRetentionRules(type="expire", every_seconds=retention_days * 86_400)]
        wanted = PostBucketRequest(org_id=self._org_id(), name=name, retention_rules=rules)
        try:
            self._client.buckets_api().create_bucket(wanted)
        except ApiException as error:
            if read_error(error.body)[0] != "conflict":
                raise

    def _org_id(self) -> str:
        """The organization's id, needed to create a bucket. Raises `ServiceError` where the token may not read it.

        A token without `read:orgs` gets an empty list of organizations, but the id is in its buckets.
        """
        found = self._client.organizations_api().find_organizations(org=self._org)
        if found:
            return str(found[0].id)
        buckets = self._client.buckets_api().find_buckets(org=self._org).buckets
        self._require(buckets, "may read neither a bucket of its organization nor its name, or is inactive")
        return str(buckets[0].org_id)

    def _require(self, granted: object, lack: str) -> None:
        if not granted:
            raise HiddenError(f"INFLUX_TOKEN {lack}")

    def _count(self, error_code: ErrorCode) -> None:
        kind = failures.BY_ERROR.get(error_code)
        if kind is not None:
            self.count(kind)

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        """Translates the client's exceptions into `RefusedError` or `ServiceError`, whose text repeats nothing sent."""
        try:
            yield
        except ServiceError as error:
            self._count(error.error_code)
            raise
        except ApiException as error:
            failure = _answered(error)
            if isinstance(failure, ServiceError):
                self._count(failure.error_code)
            raise failure from error
        except AnswerError as error:
            self._count(STORE_FAILED)
            raise ServiceError(STORE_FAILED) from error
        except UnboundedAnswerError as error:
            self.count(failures.CUT)
            raise ServiceError(STORE_FAILED) from error
        except LOST as error:
            self._count(STORE_UNAVAILABLE)
            raise ServiceError(STORE_UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def _again(self, call: Callable[[], T]) -> T:
        """The result of a call, repeated after temporary failures; each pause is twice the one before."""
        begun = self._monotonic()
        deadline.left()  # raises when no time is left
        for attempt in range(1, self._limits.attempts + 1):
            try:
                with self._errors_translated():
                    return call()
            except ServiceError as error:
                if error.error_code not in (STORE_UNAVAILABLE, STORE_BUSY) or attempt == self._limits.attempts:
                    raise
                backoff = self._limits.first_pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311
                pause = max(
                    backoff, float(error.headers.get("Retry-After", 0)) if error.error_code is STORE_BUSY else 0.0
                )
                spent = self._monotonic() - begun
                left = deadline.left()
                if spent + pause + self._limits.read > self._limits.deadline or (left is not None and left < pause):
                    raise
                self._sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _answered(error: ApiException) -> Exception:
    status = error.status or 0
    code, message = read_error(error.body)
    if status in BUSY:
        return ServiceError(STORE_BUSY, headers={"Retry-After": _retry_after(error.headers)})
    if status in (401, 403) or (status == 404 and "organization name" in message):
        return ServiceError(STORE_REFUSES)
    if status in _PERMANENT:
        return RefusedError(status, code, message)
    if status == 500 and "database not found" in message:
        # The bucket is just being created: nothing of the request is stored, and the next one finds the bucket.
        return ServiceError(STORE_UNAVAILABLE, headers={"Retry-After": "1"})
    return ServiceError(STORE_FAILED)


def _retry_after(headers: Any) -> str:
    """Seconds to wait by the server's Retry-After (RFC 9110 section 10.2.3); one for a date or without the header."""
    text = str((headers or {}).get("Retry-After", ""))
    return text if re.fullmatch(r"[0-9]{1,6}", text) else "1"


def _literal(value: str | Instant) -> Any:
    if isinstance(value, str):
        return value
    whole = rfc3339(value.time_ns // NANOSECONDS * NANOSECONDS).removesuffix("Z")
    return DateTimeLiteral("DateTimeLiteral", f"{whole}.{value.time_ns % NANOSECONDS:09d}Z")


def _lines(parts: Iterator[bytes]) -> Iterator[str]:
    """The lines of a streamed answer with their line ends, because a quoted string may contain one."""
    rest = b""
    for part in parts:
        deadline.left()
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
    if rest:
        yield rest.decode()
