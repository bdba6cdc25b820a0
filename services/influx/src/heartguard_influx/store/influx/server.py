"""Speaking to an InfluxDB 2 through its own client: retries within a deadline, and errors told honestly."""

import http.client
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.date_time_literal import DateTimeLiteral
from influxdb_client.rest import ApiException

from heartguard_common import deadline
from heartguard_common.clock import NANOSECONDS, rfc3339
from heartguard_common.errors import ServiceError
from heartguard_influx.errors import STORE_AWAY, STORE_BUSY, STORE_FAULT, STORE_REFUSES
from heartguard_influx.store.influx.answers import AnswerError, Record, read
from heartguard_influx.store.influx.flux import Instant, Query

T = TypeVar("T")
_BUSY = (429, 503)
_LASTING = (400, 404, 413, 422)
_LOST = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


class RefusedError(Exception):
    """The server refuses this very request and would again: `status` 400, 404, 413 or 422, its code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Patience:
    """How long the server is waited for, in seconds.

    Every request here may be sent again: a point, a deletion and a bucket of one name are the same the second time.
    """

    connect: float = 2.0
    read: float = 10.0
    deadline: float = 15.0
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
        patience: Patience = Patience(),
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        timeout = (int(patience.connect * 1000), int(patience.read * 1000))
        self._client = InfluxDBClient(url, token, org=org, timeout=timeout, connection_pool_maxsize=16)
        self._write = self._client.write_api(write_options=SYNCHRONOUS)
        self._query = self._client.query_api()
        self._org = org
        self._patience = patience
        self._sleep = sleep
        self._monotonic = monotonic

    def ping(self) -> None:
        """Ask for the organization, which tells that the server answers and takes the token. Raises `ServiceError`."""
        with _told():
            self._client.organizations_api().find_organizations(org=self._org)

    def write(self, bucket: str, lines: Sequence[str]) -> None:
        """Send lines whose times are nanoseconds. Raises `RefusedError`."""
        record = "\n".join(lines).encode()
        self._again(lambda: self._write.write(bucket, self._org, record))

    def query(self, query: Query) -> Iterator[Record]:
        """The rows of an answer; what was read is let go. Raises `RefusedError`.

        The request is repeated until its answer begins; an answer that breaks off is an error, because rows of it
        have been given away.
        """
        parameters = {name: _literal(value) for name, value in query.parameters.items()}
        response = self._again(lambda: self._query.query_raw(query.text, params=parameters))
        try:
            with _told():
                yield from read(_lines(response))
                response.release_conn()
        finally:
            response.close()

    def delete(self, bucket: str, start_ns: int, stop_ns: int, predicate: str) -> None:
        """Delete the points of a half-open range. Raises `RefusedError`."""
        # The server takes both ends as part of the range.
        ends = (rfc3339(start_ns), rfc3339(stop_ns - 1))
        delete = self._client.delete_api().delete
        self._again(lambda: delete(*ends, predicate, bucket=bucket, org=self._org))

    def make_bucket(self, name: str, retention_days: int | None) -> None:
        """Make a bucket; nothing changes where there is one of that name. Raises `RefusedError`."""
        rules = []
        if retention_days is not None:
            rules = [BucketRetentionRules(type="expire", every_seconds=retention_days * 86_400)]
        create = self._client.buckets_api().create_bucket
        try:
            self._again(lambda: create(bucket_name=name, retention_rules=rules, org=self._org))
        except RefusedError as refusal:
            if refusal.code != "conflict":
                raise

    def remove_bucket(self, name: str) -> None:
        """Remove a bucket with its points, if there is one. Raises `RefusedError`."""
        api = self._client.buckets_api()
        found = self._again(lambda: api.find_buckets(name=name, org=self._org)).buckets
        for bucket in found:
            try:
                self._again(partial(api.delete_bucket, bucket.id))
            except RefusedError as refusal:
                if refusal.status != 404:
                    raise

    def close(self) -> None:
        """Let go of the connections."""
        self._write.close()
        self._client.close()

    def _again(self, call: Callable[[], T]) -> T:
        """The result of a call, repeated after failures that may pass, each pause twice the one before."""
        begun = self._monotonic()
        deadline.left()  # raises when there is none left
        for attempt in range(1, self._patience.attempts + 1):
            try:
                with _told():
                    return call()
            except ServiceError as error:
                if error.row not in (STORE_AWAY, STORE_BUSY) or attempt == self._patience.attempts:
                    raise
                backoff = self._patience.first_pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311
                pause = max(backoff, float(error.headers.get("Retry-After", 0)) if error.row is STORE_BUSY else 0.0)
                spent = self._monotonic() - begun
                left = deadline.left()
                if spent + pause + self._patience.read > self._patience.deadline or (left is not None and left < pause):
                    raise
                self._sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")


@contextmanager
def _told() -> Iterator[None]:
    """Turns what the client raises into `RefusedError` or `ServiceError`, whose text says nothing of what was sent."""
    try:
        yield
    except ApiException as error:
        raise _answered(error) from error
    except AnswerError as error:
        raise ServiceError(STORE_FAULT) from error
    except _LOST as error:
        raise ServiceError(STORE_AWAY, headers={"Retry-After": "1"}) from error


def _answered(error: ApiException) -> Exception:
    status = error.status or 0
    code, message = _read_error(error.body)
    if status in _BUSY:
        return ServiceError(STORE_BUSY, headers={"Retry-After": _retry_after(error.headers)})
    if status in (401, 403) or (status == 404 and "organization name" in message):
        return ServiceError(STORE_REFUSES)
    if status in _LASTING:
        return RefusedError(status, code, message)
    return ServiceError(STORE_FAULT)


def _read_error(body: Any) -> tuple[str, str]:
    """Code and message of an error's JSON body; empty where it is none."""
    try:
        document = json.loads(body)
        return str(document["code"]), str(document["message"])
    except (ValueError, TypeError, KeyError):
        return "", ""


def _retry_after(headers: Any) -> str:
    """Seconds to wait, as the server says them (RFC 9110 section 10.2.3); a date or nothing counts as one second."""
    text = str((headers or {}).get("Retry-After", ""))
    return text if re.fullmatch(r"[0-9]{1,6}", text) else "1"


def _literal(value: str | Instant) -> Any:
    if isinstance(value, str):
        return value
    whole = rfc3339(value.time_ns // NANOSECONDS * NANOSECONDS).removesuffix("Z")
    return DateTimeLiteral("DateTimeLiteral", f"{whole}.{value.time_ns % NANOSECONDS:09d}Z")


def _lines(response: Any) -> Iterator[str]:
    """The lines of a streamed answer, each with its end, so that quoted strings keep theirs."""
    rest = b""
    for part in response.stream(65_536, decode_content=True):
        deadline.left()
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
    if rest:
        yield rest.decode()
