"""What audit refuses, one row each."""

from heartguard_common.errors import ErrorRow

UNKNOWN_EVENT = ErrorRow("AUDIT_001", 404, "There is no such audit event")

ROWS = (UNKNOWN_EVENT,)
