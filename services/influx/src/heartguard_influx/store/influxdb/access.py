"""Whether INFLUX_URL, INFLUX_TOKEN and INFLUX_ORG work; if not, one sentence that names the wrong variable."""

import http.client
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from influxdb_client.rest import ApiException

from heartguard_common.core.errors import ErrorCode, ServiceError, Violation
from heartguard_common.core.lifecycle import NotReadyError
from heartguard_influx.errors import STORE_BUSY, STORE_FAILED, STORE_REFUSES, STORE_UNAVAILABLE
from heartguard_influx.store.influxdb.answers import AnswerError
from heartguard_influx.store.influxdb.transport import UnboundedAnswerError

LOST = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
BUSY = (429, 503)
NEEDED = "`influx auth create --read-buckets --write-buckets` makes a token with the rights it needs"
_LONGEST = 200  # characters of a server's message that are passed on
_POOL = re.compile(r"HTTPS?Connection(Pool)?\([^)]*\): ")


class AccessError(ServiceError):
    """InfluxDB can't be used. `reason` names the wrong variable, `answer` is what the server answered."""

    def __init__(self, error_code: ErrorCode, reason: str, answer: str = "") -> None:
        super().__init__(error_code, details=(Violation("", reason),))
        self.reason = reason
        self.answer = answer

    def __str__(self) -> str:
        return f"{self.reason} ({self.answer})" if self.answer else self.reason


class HiddenError(AccessError):
    """The server answered with an empty list although there is something to list."""

    def __init__(self, reason: str, answer: str = "it shows none") -> None:
        super().__init__(STORE_REFUSES, reason, answer)


@dataclass(frozen=True)
class RightsChecks:
    """Requests that need one right each; each raises what influxdb-client raises, or `AccessError`.

    `find` returns the bucket for these checks, None where there is none; `create` creates it; `write` writes no point
    to it, and `delete` deletes none.
    """

    find: Callable[[], object]
    create: Callable[[], object]
    write: Callable[[], object]
    delete: Callable[[], object]


def require_rights(checks: RightsChecks, url: str) -> None:
    """Return when the three variables are right. Raises `AccessError`."""
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def check(request: Callable[[], object], purpose: str) -> object:
        with _explained(where, purpose):
            return request()

    try:
        found = check(checks.find, "read buckets")
    except HiddenError:
        # The bucket exists and the token doesn't see it: a write may tell why.
        check(checks.write, "write")
        raise
    if found is None:
        check(checks.create, "make buckets")
        check(checks.find, "read buckets")
    check(checks.write, "write")
    check(checks.delete, "delete points")


@contextmanager
def _explained(where: str, purpose: str) -> Iterator[None]:
    try:
        yield
    except HiddenError as error:
        raise HiddenError(error.reason, f"{where} shows it none; {NEEDED}") from error
    except ApiException as error:
        raise _answered(error, where, purpose) from error
    except UnboundedAnswerError as error:
        raise AccessError(STORE_FAILED, "INFLUX_URL names no InfluxDB 2", f"{where} answers without end") from error
    except LOST as error:
        raise AccessError(STORE_UNAVAILABLE, "INFLUX_URL can't be reached", f"{where}: {_cause(error)}") from error
    # AttributeError, TypeError and ValueError come from the client for unexpected JSON.
    except (AnswerError, AttributeError, TypeError, ValueError) as error:
        raise AccessError(STORE_FAILED, "INFLUX_URL names no InfluxDB 2", f"{where} gave another answer") from error


def _answered(error: ApiException, where: str, purpose: str) -> AccessError:
    status = error.status or 0
    code, message = read_error(error.body)
    answer = f"{where} answered {status} {' '.join((message or error.reason or '').split())}"[:_LONGEST].rstrip()
    if status in BUSY:
        return AccessError(STORE_BUSY, "INFLUX_URL names a server that is busy", answer)
    if not code:
        return AccessError(STORE_FAILED, "INFLUX_URL names no InfluxDB 2 that works", answer)
    refused = _refused(status, message)
    if refused:
        return AccessError(STORE_REFUSES, refused, answer)
    if status in (401, 403):
        return AccessError(STORE_REFUSES, f"INFLUX_TOKEN may not {purpose}", f"{answer}; {NEEDED}")
    return AccessError(STORE_FAILED, f"INFLUX_URL names a server that can't {purpose}", answer)


def _refused(status: int, message: str) -> str:
    """The reason if the token or the organization itself is wrong; otherwise empty."""
    if "organization name" in message:
        return "INFLUX_ORG is no organization of that server"
    if "token is inactive" in message:
        return "INFLUX_TOKEN is inactive"
    if status == 401 and "is unauthorized" not in message:
        return "INFLUX_TOKEN is no token of that server"
    return ""


def read_error(body: Any) -> tuple[str, str]:
    """Code and message of the JSON body of an error; empty where it has none."""
    try:
        document = json.loads(body)
        return str(document["code"]), str(document["message"])
    except (ValueError, TypeError, KeyError):
        return "", ""


def _cause(error: BaseException) -> str:
    """What happened to a connection, without names of Python objects."""
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(reason, Exception) else error) or type(error).__name__
    return " ".join(_POOL.sub("", text).split())[:_LONGEST]


class LoggedAccess:
    """The readiness of an InfluxDB; logs each change."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged = ""

    def require(self, ping: Callable[[], None]) -> None:
        """Raises `NotReadyError` that names the wrong variable."""
        try:
            ping()
        except AccessError as error:
            self._log_change(str(error))
            raise NotReadyError(error.reason) from error
        self._log_change("")

    def _log_change(self, problem: str) -> None:
        if problem == self._logged:
            return
        self._logged = problem
        if problem:
            self._log.error("InfluxDB can't be used: %s", problem)
        else:
            self._log.info("InfluxDB can be used again")
