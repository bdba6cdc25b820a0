"""The error codes of the audit service."""

from heartguard_common.core.errors import ErrorCode

UNKNOWN_EVENT = ErrorCode(
    "AUDIT_001",
    404,
    "There is no such audit event",
    "Check the id; an admin sees the own organization's events only.",
)
CHAIN_TOO_LONG = ErrorCode(
    "AUDIT_002",
    422,
    "The chain is too long to be verified in one request; the operator's command verifies it",
    "The operator runs `heartguard audit verify`.",
)

CODES = (UNKNOWN_EVENT, CHAIN_TOO_LONG)
