"""The errors of the client: one for each way in which a request can end without an answer that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class HeartGuardError(Exception):
    """Any error of this package."""


class NoAnswerError(HeartGuardError):
    """No answer came, after all attempts: the network or the server is away."""


class QueueFullError(HeartGuardError):
    """The local queue holds as many points as it may; nothing of the call was queued."""


class LoginNeededError(HeartGuardError):
    """There are no credentials, or a saved session has ended: log in again."""


@dataclass(frozen=True)
class Violation:
    """One violation of the contract: a JSON Pointer (RFC 6901) into the document that was sent, and a text."""

    path: str
    message: str


class ApiError(HeartGuardError):
    """An answer that is an error.

    `status` is the HTTP status, `code` HeartGuard's own code (docs/errors.md), `request_id` what an operator finds in
    the logs, `details` the violations of the contract, `retry_after` seconds to wait where the server said so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        request_id: str = "",
        details: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.details = details
        self.retry_after = retry_after

    def __str__(self) -> str:
        places = "".join(f"\n  {it.path}: {it.message}" for it in self.details)
        named = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.code}: {self.message}{named}{places}"


class InvalidRequestError(ApiError):
    """400, 413, 415 or 422: the request is wrong, and sending it again will not help."""


class AuthenticationError(ApiError):
    """401: the credentials are wrong, or the session has ended."""


class PermissionDeniedError(ApiError):
    """403: the caller may not do this."""


class NotFoundError(ApiError):
    """404: there is no such thing, or the caller may not see it."""


class ConflictError(ApiError):
    """409, 410 or 412: it contradicts what is stored."""


class RateLimitError(ApiError):
    """429: too much; `retry_after` says when it may be tried again."""


class ServerError(ApiError):
    """5xx: the server, or something that it needs, fails."""


_KINDS: Mapping[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: ConflictError,
    412: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}


def api_error(status: int, document: Any, retry_after: float | None) -> ApiError:
    """The error for an answer of that status; `document` is its body as JSON, or None where it has none."""
    kind = _KINDS.get(status, ServerError if status >= 500 else ApiError)
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return kind(status, "", "The answer is not an error of HeartGuard", retry_after=retry_after)
    details = tuple(
        Violation(str(it.get("path", "")), str(it.get("message", "")))
        for it in error.get("details") or ()
        if isinstance(it, dict)
    )
    return kind(
        status,
        str(error.get("code", "")),
        str(error.get("message", "")),
        request_id=str(error.get("request_id", "")),
        details=details,
        retry_after=retry_after,
    )
