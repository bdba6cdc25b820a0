"""An error is a row, not an essay: code, status, title. `failures.py` is the one place that renders it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ErrorRow:
    """One row of the error catalogue: a stable code, its HTTP status, and the message a caller reads."""

    code: str
    status: int
    title: str


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a document: a JSON Pointer (RFC 6901) into its JSON form, and a text without values."""

    path: str
    message: str


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ServiceError(Exception):
    """A refusal with a code of the catalogue; whoever raises it never thinks about JSON or XML."""

    def __init__(
        self,
        row: ErrorRow,
        message: str | None = None,
        *,
        details: Sequence[Fault] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(f"{row.code} {message or row.title}")
        self.row = row
        self.message = message or row.title
        self.details = tuple(details)
        self.headers = headers


# What the request itself is the reason for: sent again, it would be refused again.
LASTING = frozenset({400, 409, 410, 413, 415, 422})


class SisterError(ServiceError):
    """A sister service gave no usable answer: `status` and `code` are hers, None where nothing of the kind came."""

    def __init__(self, status: int | None = None, code: str | None = None) -> None:
        super().__init__(SISTER_UNAVAILABLE)
        self.status = status
        self.code = code

    @property
    def lasting(self) -> bool:
        """Whether the same request would be answered so again."""
        return self.status in LASTING


MALFORMED = ErrorRow("GEN_400", 400, "The request body is not well-formed")
UNAUTHENTICATED = ErrorRow("GEN_401", 401, "Authentication is required")
INVALID_TOKEN = ErrorRow("GEN_402", 401, "The access token is not valid")
FORBIDDEN = ErrorRow("GEN_403", 403, "This role may not do that")
NOT_FOUND = ErrorRow("GEN_404", 404, "There is no such resource")
METHOD_NOT_ALLOWED = ErrorRow("GEN_405", 405, "This resource does not support that method")
NOT_ACCEPTABLE = ErrorRow("GEN_406", 406, "None of the accepted media types can be produced")
CONFLICT = ErrorRow("GEN_409", 409, "The resource is in a state that does not allow this")
PRECONDITION_FAILED = ErrorRow("GEN_412", 412, "The resource has changed since it was read")
TOO_LARGE = ErrorRow("GEN_413", 413, "The request body is too large")
UNSUPPORTED_MEDIA_TYPE = ErrorRow("GEN_415", 415, "The media type of the request body is not supported")
TARGET_TOO_LONG = ErrorRow("GEN_414", 414, "The request target is too long")
EXPECTATION_FAILED = ErrorRow("GEN_417", 417, "The expectation of the request can't be met")
UNPROCESSABLE = ErrorRow("GEN_422", 422, "The request does not satisfy its contract")
KEY_REUSED = ErrorRow("GEN_423", 422, "This Idempotency-Key was used with another request")
TOO_MANY_REQUESTS = ErrorRow("GEN_429", 429, "Too many requests")
NOT_HTTP = ErrorRow("GEN_430", 400, "The request is not well-formed HTTP")
HEADERS_TOO_LARGE = ErrorRow("GEN_431", 431, "The request header is too large")
LIMIT_FOR_NOW = ErrorRow("GEN_432", 429, "A limit is used up for now")
LIMIT_REACHED = ErrorRow("GEN_433", 409, "A limit is used up until somebody makes room")
INTERNAL = ErrorRow("GEN_500", 500, "The server failed to answer this request")
UNKNOWN_CODING = ErrorRow("GEN_501", 501, "The transfer coding of the request is not supported")
SISTER_UNAVAILABLE = ErrorRow("GEN_502", 502, "Another service gave no usable answer")
UNAVAILABLE = ErrorRow("GEN_503", 503, "A needed dependency is not available")
BUSY = ErrorRow("GEN_520", 503, "As many expensive requests as possible are being answered; send this one again")
TOO_LONG = ErrorRow("GEN_521", 422, "The request took longer than it may and was ended; ask for less")

ROWS = (
    MALFORMED,
    UNAUTHENTICATED,
    INVALID_TOKEN,
    FORBIDDEN,
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
    SISTER_UNAVAILABLE,
    UNAVAILABLE,
    BUSY,
    TOO_LONG,
)
