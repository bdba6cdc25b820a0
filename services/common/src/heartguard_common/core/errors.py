"""The catalogue of errors: code, status, title and what to do. Only `http/error_rendering.py` renders them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ErrorCode:
    """An error of the catalogue: a stable code, its HTTP status, the message a caller reads, and what to do.

    A shared code is `GEN_` and its status; one with a narrower meaning has a word behind it, such as `GEN_401_TOKEN`.
    """

    code: str
    status: int
    title: str
    advice: str


@dataclass(frozen=True)
class Violation:
    """One violation of the contract: a JSON Pointer (RFC 6901) into the JSON form, and a text without values."""

    path: str
    message: str


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ServiceError(Exception):
    """An error response with a code of the catalogue, independent of its format (JSON or XML)."""

    def __init__(
        self,
        error_code: ErrorCode,
        message: str | None = None,
        *,
        details: Sequence[Violation] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(f"{error_code.code} {message or error_code.title}")
        self.error_code = error_code
        self.message = message or error_code.title
        self.details = tuple(details)
        self.headers = headers


# Statuses that are caused by the request itself: the same request would be refused again.
PERMANENT = frozenset({400, 409, 410, 413, 415, 422})


class ServiceCallError(ServiceError):
    """Another service gave no usable answer: its `status` and error `code`, None where it gave none."""

    def __init__(self, status: int | None = None, code: str | None = None) -> None:
        super().__init__(SERVICE_CALL_FAILED)
        self.status = status
        self.code = code

    @property
    def permanent(self) -> bool:
        """Whether the same request would be refused again."""
        return self.status in PERMANENT


MALFORMED = ErrorCode(
    "GEN_400",
    400,
    "The request body is not well-formed",
    "Correct the syntax of the body: UTF-8 JSON or XML, no duplicate keys, no document type.",
)
UNAUTHENTICATED = ErrorCode(
    "GEN_401",
    401,
    "Authentication is required",
    "Send `Authorization: Bearer` with an access token from `POST /auth/login`.",
)
INVALID_TOKEN = ErrorCode(
    "GEN_401_TOKEN",
    401,
    "The access token is not valid",
    "Get a new access token by `POST /auth/refresh`, or log in again.",
)
FORBIDDEN = ErrorCode(
    "GEN_403",
    403,
    "This role may not do that",
    "Ask a member whose role may; the operation's `x-who` names the roles.",
)
READ_ONLY = ErrorCode(
    "GEN_403_READONLY",
    403,
    "The organization is read-only",
    "Read, export or delete; `GET /organization` says why it is read-only. The operator makes it active again.",
)
SUSPENDED = ErrorCode(
    "GEN_403_SUSPENDED",
    403,
    "The organization is suspended",
    "Ask the operator; `GET /organization` and `POST /auth/logout` are still answered.",
)
NOT_FOUND = ErrorCode(
    "GEN_404",
    404,
    "There is no such resource",
    "Check the path and the ids in it; what belongs to another organization is 404 too.",
)
METHOD_NOT_ALLOWED = ErrorCode(
    "GEN_405",
    405,
    "This resource does not support that method",
    "Use one of the methods in `Allow`.",
)
NOT_ACCEPTABLE = ErrorCode(
    "GEN_406",
    406,
    "None of the accepted media types can be produced",
    "Accept a media type that the operation offers.",
)
CONFLICT = ErrorCode(
    "GEN_409",
    409,
    "The resource is in a state that does not allow this",
    "Read the resource again, and repeat the change if it still makes sense.",
)
PRECONDITION_FAILED = ErrorCode(
    "GEN_412",
    412,
    "The resource has changed since it was read",
    "Read the resource again, and repeat the change with its new `ETag`.",
)
TOO_LARGE = ErrorCode(
    "GEN_413",
    413,
    "The request body is too large",
    "Send less at once; the message names the limit.",
)
UNSUPPORTED_MEDIA_TYPE = ErrorCode(
    "GEN_415",
    415,
    "The media type of the request body is not supported",
    "Send one of the media types that the operation takes, with that `Content-Type`.",
)
TARGET_TOO_LONG = ErrorCode(
    "GEN_414",
    414,
    "The request target is too long",
    "Shorten the path or the query.",
)
EXPECTATION_FAILED = ErrorCode(
    "GEN_417",
    417,
    "The expectation of the request can't be met",
    "Leave out `Expect`, or send `100-continue`.",
)
UNPROCESSABLE = ErrorCode(
    "GEN_422",
    422,
    "The request does not satisfy its contract",
    "Correct what `details` points at.",
)
KEY_REUSED = ErrorCode(
    "GEN_422_KEY",
    422,
    "This Idempotency-Key was used with another request",
    "Use a new key for each different request; repeat a request unchanged under its key.",
)
TOO_MANY_REQUESTS = ErrorCode(
    "GEN_429",
    429,
    "Too many requests",
    "Wait as long as `Retry-After` says.",
)
NOT_HTTP = ErrorCode(
    "GEN_400_HTTP",
    400,
    "The request is not well-formed HTTP",
    "Correct the request line, the header fields or the framing (RFC 9112).",
)
HEADERS_TOO_LARGE = ErrorCode(
    "GEN_431",
    431,
    "The request header is too large",
    "Send fewer or shorter header fields.",
)
LIMIT_FOR_NOW = ErrorCode(
    "GEN_429_LIMIT",
    429,
    "A limit is used up for now",
    "Wait as long as `Retry-After` says, or have the operator raise the limit that the message names.",
)
LIMIT_REACHED = ErrorCode(
    "GEN_409_LIMIT",
    409,
    "A limit is reached",
    "Make room in the way that the message and docs/limits.md give for this limit, or have the operator raise it.",
)
INTERNAL = ErrorCode(
    "GEN_500",
    500,
    "The server failed to answer this request",
    "Report it with the request id; the service's log has the reason.",
)
UNKNOWN_CODING = ErrorCode(
    "GEN_501",
    501,
    "The transfer coding of the request is not supported",
    "Use no transfer coding but `chunked`.",
)
SERVICE_CALL_FAILED = ErrorCode(
    "GEN_502",
    502,
    "Another service gave no usable answer",
    "Try again; the operator finds the failing service at `/health`.",
)
UNAVAILABLE = ErrorCode(
    "GEN_503",
    503,
    "A needed dependency is not available",
    "Try again after some seconds; the operator finds the failing dependency at the service's `/ready`.",
)
BUSY = ErrorCode(
    "GEN_503_BUSY",
    503,
    "Too many expensive requests are being answered; send this one again",
    "Send it again after `Retry-After`; run fewer of these at once.",
)
TOO_LONG = ErrorCode(
    "GEN_422_TIME",
    422,
    "The request took longer than it may and was ended; ask for less",
    "Ask for a shorter range or fewer values.",
)

CODES = (
    MALFORMED,
    UNAUTHENTICATED,
    INVALID_TOKEN,
    FORBIDDEN,
    READ_ONLY,
    SUSPENDED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    CONFLICT,
    PRECONDITION_FAILED,
    TOO_LARGE,
    TARGET_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    EXPECTATION_FAILED,
    UNPROCESSABLE,
    KEY_REUSED,
    TOO_MANY_REQUESTS,
    NOT_HTTP,
    HEADERS_TOO_LARGE,
    LIMIT_FOR_NOW,
    LIMIT_REACHED,
    INTERNAL,
    UNKNOWN_CODING,
    SERVICE_CALL_FAILED,
    UNAVAILABLE,
    BUSY,
    TOO_LONG,
)
