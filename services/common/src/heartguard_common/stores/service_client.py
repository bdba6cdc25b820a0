"""Calls to another service, with JSON, Basic credentials, short time-outs and the request's ids."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests

from heartguard_common.core import trace
from heartguard_common.core.errors import NO_HEADERS, ServiceCallError
from heartguard_common.core.trace import onward_headers

BLOCK_BYTES = 64 * 1024
T = TypeVar("T")


class ServiceClient:
    """A client of another service."""

    def __init__(self, base_url: str, name: str, secret: str, *, timeout_seconds: float = 5.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).netloc
        self._auth = (name, secret)
        self._timeout = (1.0, timeout_seconds)
        self._local = threading.local()

    def get(self, path: str, gives: type[T]) -> T:
        """The document at `path`, a message of the type `gives`.

        Raises `ServiceCallError` GEN_502 when there is no answer, or one without the members that the message
        requires.
        """
        return self._send("GET", path, gives)

    def post(self, path: str, document: Mapping[str, object], gives: type[T]) -> T:
        """The answer to a POSTed document. Raises `ServiceCallError` GEN_502 when there is no usable answer."""
        return self._send("POST", path, gives, json=document)

    def put(self, path: str, blocks: Iterable[bytes], media_type: str, gives: type[T]) -> T:
        """The answer to a streamed body of `blocks`. Raises `ServiceCallError`, and what `blocks` raises."""
        return self._send("PUT", path, gives, data=blocks, headers={"Content-Type": media_type})

    def delete(self, path: str) -> None:
        """Delete what is at `path`. Raises `ServiceCallError`."""
        try:
            self._request("DELETE", path)
        except requests.RequestException as error:
            raise ServiceCallError from error

    def stream(self, path: str, media_type: str = "*/*") -> Iterator[bytes]:
        """The bytes at `path`, streamed in blocks. Raises `ServiceCallError` before the first block or later."""
        try:
            with self._request("GET", path, headers={"Accept": media_type}, stream=True) as response:
                yield from response.iter_content(BLOCK_BYTES)
        except requests.RequestException as error:
            raise ServiceCallError from error

    def _send(self, method: str, path: str, gives: type[T], **how: Any) -> T:
        try:
            answer = self._request(method, path, **how).json()
        except (requests.RequestException, ValueError) as error:
            raise ServiceCallError from error
        required: frozenset[str] = getattr(gives, "__required_keys__", frozenset())
        if not isinstance(answer, dict) or not required <= answer.keys():
            raise ServiceCallError
        return cast("T", answer)

    def _request(
        self, method: str, path: str, *, headers: Mapping[str, str] = NO_HEADERS, **how: Any
    ) -> requests.Response:
        if trace.SPANS is None:
            return self._answered(method, path, headers, how)
        # The path may hold ids; the span of the service that answers has its route.
        with trace.SPANS.inside(f"{method} {self._host}", leaves=True, server_address=self._host):
            return self._answered(method, path, headers, how)

    def _answered(
        self, method: str, path: str, headers: Mapping[str, str], how: Mapping[str, Any]
    ) -> requests.Response:
        response = self._session().request(
            method,
            self._base_url + path,
            headers={"Accept": "application/json", **onward_headers(), **headers},
            auth=self._auth,
            timeout=self._timeout,
            allow_redirects=False,
            **how,
        )
        if response.status_code >= 300:
            raise _refused(response)
        return response

    def _session(self) -> requests.Session:
        # A Session of requests must not be shared between threads.
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


def _refused(response: requests.Response) -> ServiceCallError:
    try:
        code = response.json()["error"]["code"]
    except (ValueError, KeyError, TypeError):
        code = None
    return ServiceCallError(response.status_code, code if isinstance(code, str) else None)
