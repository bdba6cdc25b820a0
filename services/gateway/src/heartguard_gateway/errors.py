"""The gateway's error codes, in addition to the shared ones."""

from heartguard_common.core.errors import ErrorCode

BAD_TARGET = ErrorCode(
    "GW_001",
    400,
    "The request target is not acceptable",
    "Send a path without dot segments, encoded slashes or a fragment.",
)
BAD_HOST = ErrorCode(
    "GW_002",
    400,
    "The request needs exactly one valid Host header",
    "Send one `Host` field with a host and, if needed, a port.",
)
BAD_REQUEST = ErrorCode(
    "GW_003",
    400,
    "The request is not well-formed HTTP",
    "Correct the request line, the header fields or the framing (RFC 9112).",
)
BROKEN_BODY = ErrorCode(
    "GW_004",
    400,
    "The request body is not framed as it was declared",
    "Send as many bytes as `Content-Length` says, or well-formed chunks.",
)
TOO_SLOW = ErrorCode(
    "GW_005",
    408,
    "The request arrived too slowly",
    "Send the request faster, or less of it at once.",
)
TARGET_TOO_LONG = ErrorCode(
    "GW_006",
    414,
    "The request target is too long",
    "Shorten the path or the query.",
)
EXPECTATION_FAILED = ErrorCode(
    "GW_007",
    417,
    "The expectation of the request can't be met",
    "Leave out `Expect`, or send `100-continue`.",
)
HEADERS_TOO_LARGE = ErrorCode(
    "GW_008",
    431,
    "The request header is too large",
    "Send fewer or shorter header fields.",
)
UNKNOWN_CODING = ErrorCode(
    "GW_009",
    501,
    "The transfer coding of the request is not supported",
    "Use no transfer coding but `chunked`.",
)
UPSTREAM_FAILED = ErrorCode(
    "GW_010",
    502,
    "The service gave no usable answer",
    "Try again; a request that changes something only with its `Idempotency-Key`.",
)
UPSTREAM_UNAVAILABLE = ErrorCode(
    "GW_011",
    503,
    "The service is not available",
    "Wait as long as `Retry-After` says.",
)
UPSTREAM_TIMEOUT = ErrorCode(
    "GW_012",
    504,
    "The service did not answer in time",
    "Try again later, or ask for less; a request that changes something only with its `Idempotency-Key`.",
)
AUDIT_UNAVAILABLE = ErrorCode(
    "GW_013",
    503,
    "The request could not be written to the audit trail",
    "Try again; the operator makes room on the disk or brings Redis back.",
)
OVERLOADED = ErrorCode(
    "GW_014",
    503,
    "The gateway has more to do than it can",
    "Wait as long as `Retry-After` says.",
)
SERVICE_CREDENTIALS = ErrorCode(
    "GW_020",
    401,
    "The gateway takes no credentials of services",
    "Services call each other at their own ports; people and the operator send `Bearer`.",
)
SPOOL_FULL = ErrorCode(
    "GW_015",
    503,
    "The gateway holds as many bytes of request bodies as it may",
    "Try again later, or send less at once.",
)
LANES_FULL = ErrorCode(
    "GW_016",
    503,
    "As many streams or large documents as may be are on their way already",
    "Wait as long as `Retry-After` says; send fewer at once.",
)
NO_STREAMS = ErrorCode(
    "GW_030",
    503,
    "Live streams are not available",
    "Wait as long as `Retry-After` says; until then, query.",
)
STREAMS_FULL = ErrorCode(
    "GW_031",
    503,
    "As many live streams as may be are open already",
    "Wait as long as `Retry-After` says; until then, query.",
)

CODES = (
    BAD_TARGET,
    BAD_HOST,
    BAD_REQUEST,
    BROKEN_BODY,
    TOO_SLOW,
    TARGET_TOO_LONG,
    EXPECTATION_FAILED,
    HEADERS_TOO_LARGE,
    UNKNOWN_CODING,
    UPSTREAM_FAILED,
    UPSTREAM_UNAVAILABLE,
    UPSTREAM_TIMEOUT,
    AUDIT_UNAVAILABLE,
    OVERLOADED,
    SERVICE_CREDENTIALS,
    SPOOL_FULL,
    LANES_FULL,
    NO_STREAMS,
    STREAMS_FULL,
)
