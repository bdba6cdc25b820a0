"""What is wrong with INFLUX_URL, INFLUX_TOKEN or INFLUX_ORG: one sentence that names the variable."""

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
_LONGEST = 200  # characters of what a server says that are passed on
_POOL = re.compile(r"HTTPS?Connection(Pool)?\([^)]*\): ")


class AccessError(ServiceError):
    """InfluxDB can't be worked with. `reason` names the variable, `said` is what the server answered."""

    def __init__(self, error_code: ErrorCode, reason: str, said: str = "") -> None:
        super().__init__(error_code, details=(Violation("", reason),))
        self.reason = reason
        self.said = said

    def __str__(self) -> str:
        return f"{self.reason} ({self.said})" if self.said else self.reason


class HiddenError(AccessError):
    """The server answered well and showed nothing of what there is."""

    def __init__(self, reason: str, said: str = "it shows none") -> None:
        super().__init__(STORE_REFUSES, reason, said)


@dataclass(frozen=True)
class Questions:
    """By which rights are proven; each raises what influxdb-client raises, or `AccessError`.

    `find` the bucket of the proof, None where there is none; `make` it; `write` nothing there, `delete` nothing there.
    """

    find: Callable[[], object]
    make: Callable[[], object]
    write: Callable[[], object]
    delete: Callable[[], object]


def prove(questions: Questions, url: str) -> None:
    """Return when the three variables are right. Raises `AccessError`."""
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def ask(question: Callable[[], object], purpose: str) -> object:
        with _explained(where, purpose):
            return question()

    try:
        found = ask(questions.find, "read buckets")
    except HiddenError:
        # There is such a bucket, of which the token is shown nothing: a write may show why.
        ask(questions.write, "write")
        raise
    if found is None:
        ask(questions.make, "make buckets")
        ask(questions.find, "read buckets")
    ask(questions.write, "write")
    ask(questions.delete, "delete points")


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
    except (
        AnswerError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:  # also what the client raises for JSON of others
        raise AccessError(STORE_FAILED, "INFLUX_URL names no InfluxDB 2", f"{where} gave another answer") from error


def _answered(error: ApiException, where: str, purpose: str) -> AccessError:
    status = error.status or 0
    code, message = read_error(error.body)
    said = f"{where} answered {status} {' '.join((message or error.reason or '').split())}"[:_LONGEST].rstrip()
    if status in BUSY:
        return AccessError(STORE_BUSY, "INFLUX_URL names a server that is busy", said)
    if not code:
        return AccessError(STORE_FAILED, "INFLUX_URL names no InfluxDB 2 that works", said)
    refused = _refused(status, message)
    if refused:
        return AccessError(STORE_REFUSES, refused, said)
    if status in (401, 403):
        return AccessError(STORE_REFUSES, f"INFLUX_TOKEN may not {purpose}", f"{said}; {NEEDED}")
    return AccessError(STORE_FAILED, f"INFLUX_URL names a server that can't {purpose}", said)


def _refused(status: int, message: str) -> str:
    """What is wrong with the token or the organization itself; empty where it is not that."""
    if "organization name" in message:
        return "INFLUX_ORG is no organization of that server"
    if "token is inactive" in message:
        return "INFLUX_TOKEN is inactive"
    if status == 401 and "is unauthorized" not in message:
        return "INFLUX_TOKEN is no token of that server"
    return ""


def read_error(body: Any) -> tuple[str, str]:
    """Code and message of an error's JSON body; empty where it is none."""
    try:
        document = json.loads(body)
        return str(document["code"]), str(document["message"])
    except (ValueError, TypeError, KeyError):
        return "", ""


def _cause(error: BaseException) -> str:
    """What happened to a connection, without the names of Python's objects."""
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(reason, Exception) else error) or type(error).__name__
    return " ".join(_POOL.sub("", text).split())[:_LONGEST]


class LoggedAccess:
    """The readiness of an InfluxDB; every change of it is logged."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged = ""

    def require(self, ping: Callable[[], None]) -> None:
        """Raises `NotReadyError` with the variable that is wrong."""
        try:
            ping()
        except AccessError as error:
            self._log_change(str(error))
            raise NotReadyError(error.reason) from error
        self._log_change("")

    def _log_change(self, sentence: str) -> None:
        if sentence == self._logged:
            return
        self._logged = sentence
        if sentence:
            self._log.error("InfluxDB can't be used: %s", sentence)
        else:
            self._log.info("InfluxDB can be used again")
