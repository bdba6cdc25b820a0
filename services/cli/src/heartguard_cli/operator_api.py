"""The API of the running system, called with the operator's token."""

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from heartguard_cli.errors import CommandError

PAGE = 500
"""Items of one request, the most that the API gives."""
ANSWER_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 60
TOO_MANY = 429

T = TypeVar("T")
Query: TypeAlias = Mapping[str, str | int | bool | None]


class RefusedError(CommandError):
    """The API refused a request: its message, code and request id are the sentence."""

    def __init__(self, status: int, code: str, said: str, request_id: str) -> None:
        super().__init__(f"{said} ({code}, status {status}, request id {request_id})")
        self.status = status
        self.code = code


class OperatorApi:
    """Requests over one connection. Each method raises `RefusedError`, and `CommandError` where nothing answers."""

    def __init__(self, url: str, token: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._token = token
        self._pause = pause
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)

    def with_token(self, token: str) -> "OperatorApi":
        """The same API for another caller; with an empty token for one without credentials."""
        return OperatorApi(self._url, token, self._pause)

    def get(self, path: str, message: type[T], query: Query | None = None) -> T:  # noqa: ARG002 - names what is returned
        """The document at a path, which is a `message`."""
        return cast("T", self._ask("GET", path, query or {}))

    def post(self, path: str, body: object = None) -> Any:
        """Have something done; the document of the answer, None where there is none."""
        return self._ask("POST", path, {}, body)

    def put(self, path: str, body: object) -> Any:
        """Store a document; the document of the answer."""
        return self._ask("PUT", path, {}, body)

    def delete(self, path: str, body: object = None) -> Any:
        """Remove something; the document of the answer, None where there is none."""
        return self._ask("DELETE", path, {}, body)

    def items(self, path: str, query: Query | None = None, most: int | None = None) -> Iterator[Any]:
        """The items of a list, page by page; at most `most`, all for None."""
        left, cursor = most, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self._ask("GET", path, {**(query or {}), "limit": size, "cursor": cursor})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            if left is not None:
                left -= len(page["items"])

    def _ask(self, method: str, path: str, query: Query, body: object = None) -> Any:
        given = {name: _text(value) for name, value in query.items() if value is not None}
        target = path + (f"?{urlencode(given)}" if given else "")
        while True:
            status, headers, document = self._send(method, target, body)
            wait = headers.get("Retry-After", "")
            if status != TOO_MANY or not wait.isdecimal() or int(wait) > LONGEST_WAIT_SECONDS:
                break
            print(f"heartguard: the rate limit is used up: waiting {wait} s", file=sys.stderr)
            self._pause(int(wait))
        if status < http.HTTPStatus.BAD_REQUEST:
            return document
        raise _refusal(status, document)

    def _send(self, method: str, target: str, body: object) -> tuple[int, Mapping[str, str], Any]:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, target, content, headers)
            answer = self._connection.getresponse()
            read = answer.read()
            return answer.status, dict(answer.headers), json.loads(read) if read else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            reason = str(error) or type(error).__name__
            raise CommandError(f"the gateway at {self._url} gives no answer: {reason}") from None


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(status: int, document: Any) -> RefusedError:
    error = document.get("error", {}) if isinstance(document, dict) else {}
    said = str(error.get("message", "the request was refused"))
    for violation in error.get("details", ()):
        said += f"; {violation['path']} {violation['message']}"
    return RefusedError(status, str(error.get("code", "no code")), said, str(error.get("request_id", "unknown")))
