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
NO_ALARM = ErrorCode(
    "ALARM_003",
    404,
    "There is no such alarm",
    "Send an id that `GET /alarms` lists; a member sees their own alarms.",
)
WITHDRAWN = ErrorCode(
    "ALARM_004",
    409,
    "The alarm was withdrawn or merged",
    "Read the alarm again: `merged_into` names the one that has its time now.",
)
TOO_MANY = ErrorCode(
    "ALARM_005",
    422,
    "The range has too many samples to rehearse a rule",
    "Ask for a shorter range.",
)

CODES = (NO_RULE, CONTRADICTORY, NO_ALARM, WITHDRAWN, TOO_MANY)
