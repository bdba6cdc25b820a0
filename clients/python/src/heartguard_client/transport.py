"""Sends requests: with credentials, again after failures that pass, and errors as exceptions."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urljoin

import requests

from heartguard_client.credentials import Credentials
from heartguard_client.errors import NoAnswerError, api_error
from heartguard_client.messages import LoginResponse
from heartguard_client.retry import REPEATABLE_STATUSES, RetryPolicy, retry_after

JSON, XML, NDJSON = "application/json", "application/xml", "application/x-ndjson"
IDEMPOTENCY_KEY = "Idempotency-Key"
_EXPIRED = "GEN_401_TOKEN"
_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class Transport:
    """Requests to one server. Threads may share it.

    A request is sent again after a lost connection, 429, 502, 503 or 504 where that can't do anything twice: methods
    that are idempotent (RFC 9110 section 9.2.2), requests with an Idempotency-Key, and those that only read.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | None,
        *,
        retry: RetryPolicy,
        timeout: float,
        agent: str,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/") + "/"
        self.retry = retry
        self._credentials = credentials
        self._timeout = timeout
        self._agent = agent
        self._sleep = sleep
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            while self._sessions:
                self._sessions.pop().close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: str = JSON,
        reads: bool = False,
        stream: bool = False,
        retry: RetryPolicy | None = None,
    ) -> requests.Response:
        """The answer, with a status below 400.

        `document` is sent as JSON, `body` as it is; `reads` says of a POST that it changes nothing. A path that is a
        URL of another host is asked without credentials. Raises `ApiError` for any other status, `NoAnswerError` when
        there is none, and what the credentials raise.
        """
        prepared = {"Accept": accept, "User-Agent": self._agent, **(headers or {})}
        if document is not None:
            body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
            prepared.setdefault("Content-Type", JSON)
        url = urljoin(self.url, path if "://" in path else path.lstrip("/"))
        known = url.startswith(self.url)
        repeatable = method in _REPEATABLE_METHODS or reads or IDEMPOTENCY_KEY in prepared
        delays = (retry or self.retry).delays()
        renewed = False
        while True:
            token = self._credentials.token(self._post) if self._credentials is not None and known else None
            failure: Exception
            try:
                answer = self._once(method, url, params, body, prepared, token, stream=stream)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                failure, wait = NoAnswerError(f"{self.url} gives no answer: {_cause(error)}"), None
            else:
                if answer.status_code < 400:
                    return answer
                wait = retry_after(answer.headers)
                failure = api_error(answer.status_code, _document(answer), wait)
                if answer.status_code == 401 and failure.code == _EXPIRED and token and not renewed:
                    renewed = True  # once: a session that ends again and again is not a matter of waiting
                    if self._credentials is not None and self._credentials.refused(token, self._post):
                        continue
                if answer.status_code not in REPEATABLE_STATUSES:
                    raise failure
            pause = delays.after(wait) if repeatable else None
            if pause is None:
                raise failure
            self._sleep(pause)

    def _post(self, path: str, document: dict[str, Any]) -> LoginResponse:
        """A login or an exchange of tokens; not repeated, because a refresh token counts once."""
        headers = {"Accept": JSON, "User-Agent": self._agent, "Content-Type": JSON}
        body = json.dumps(document).encode()
        try:
            answer = self._once("POST", urljoin(self.url, path.lstrip("/")), None, body, headers, None, stream=False)
        except requests.RequestException as error:
            raise NoAnswerError(f"{self.url} gives no answer: {_cause(error)}") from error
        if answer.status_code >= 400:
            raise api_error(answer.status_code, _document(answer), retry_after(answer.headers))
        return cast("LoginResponse", answer.json())

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str],
        token: str | None,
        *,
        stream: bool,
    ) -> requests.Response:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return self._session().request(
            method,
            url,
            params=params,
            data=body,
            headers={**headers, **authorization},
            timeout=self._timeout,
            stream=stream,
            allow_redirects=False,
        )

    def _session(self) -> requests.Session:
        # A Session of requests must not be shared between threads.
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.auth = lambda request: request  # no credentials from ~/.netrc
            with self._lock:
                self._sessions.append(session)
        return session


def _document(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _cause(error: BaseException) -> str:
    """The innermost reason of an error of requests, which wraps those of urllib3 and of the system."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "reason", None)) is not None:
        if not isinstance(inner, BaseException) or inner is error:
            break
        error = inner
    return str(error) or type(error).__name__
