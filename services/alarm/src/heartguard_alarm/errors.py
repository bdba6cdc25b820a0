"""The error codes of the alarm service."""

from heartguard_common.core.errors import ErrorCode

NO_RULE = ErrorCode(
    "ALARM_001",
    404,
    "There is no such rule",
    "Send an id that `GET /alarms/rules` lists.",
)
CONTRADICTORY = ErrorCode(
    "ALARM_002",
    422,
    "The members of the rule contradict each other",
    "Correct the members that `details` names.",
)

CODES = (NO_RULE, CONTRADICTORY)
