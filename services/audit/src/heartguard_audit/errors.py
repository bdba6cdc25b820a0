"""What audit refuses, one row each."""

from heartguard_common.errors import ErrorRow

UNKNOWN_EVENT = ErrorRow("AUDIT_001", 404, "There is no such audit event")
VERIFYING = ErrorRow("AUDIT_002", 429, "As many chains as possible are being verified")

ROWS = (UNKNOWN_EVENT, VERIFYING)
