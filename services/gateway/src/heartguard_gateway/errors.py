"""What the gateway refuses with, beside the shared rows: one row per code."""

from heartguard_common.errors import ErrorRow

BAD_TARGET = ErrorRow("GW_001", 400, "The request target is not acceptable")
BAD_HOST = ErrorRow("GW_002", 400, "The request needs exactly one valid Host header")
BAD_REQUEST = ErrorRow("GW_003", 400, "The request is not well-formed HTTP")
BROKEN_BODY = ErrorRow("GW_004", 400, "The request body is not framed as it was declared")
TOO_SLOW = ErrorRow("GW_005", 408, "The request arrived too slowly")
TARGET_TOO_LONG = ErrorRow("GW_006", 414, "The request target is too long")
EXPECTATION_FAILED = ErrorRow("GW_007", 417, "The expectation of the request can't be met")
HEADERS_TOO_LARGE = ErrorRow("GW_008", 431, "The request header is too large")
UNKNOWN_CODING = ErrorRow("GW_009", 501, "The transfer coding of the request is not supported")
UPSTREAM_FAILED = ErrorRow("GW_010", 502, "The service gave no usable answer")
UPSTREAM_UNAVAILABLE = ErrorRow("GW_011", 503, "The service is not available")
UPSTREAM_TIMEOUT = ErrorRow("GW_012", 504, "The service did not answer in time")
AUDIT_UNAVAILABLE = ErrorRow("GW_013", 503, "The request could not be written to the audit trail")
OVERLOADED = ErrorRow("GW_014", 503, "The gateway has more to do than it can")
SERVICE_CREDENTIALS = ErrorRow("GW_020", 401, "The gateway takes no credentials of services")
SPOOL_FULL = ErrorRow("GW_015", 503, "The gateway holds as many bytes of request bodies as it may")
LANES_FULL = ErrorRow("GW_016", 503, "As many streams or large documents as may be are on their way already")

ROWS = (
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
)
