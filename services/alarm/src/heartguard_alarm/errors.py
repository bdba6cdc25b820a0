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

NO_CHANNEL = ErrorCode(
    "ALARM_010",
    404,
    "There is no such channel",
    "Send an id that `GET /alarms/channels` lists.",
)
NO_POLICY = ErrorCode(
    "ALARM_011",
    404,
    "There is no such notification policy",
    "Send an id that `GET /alarms/policies` lists.",
)
NO_SILENCE = ErrorCode(
    "ALARM_012",
    404,
    "There is no such silence, or it has ended",
    "Send an id that `GET /alarms/silences` lists.",
)
IN_USE = ErrorCode(
    "ALARM_013",
    409,
    "It is still used: the channel by a notification policy, or the policy by a rule",
    "Change the policies or rules that name it first.",
)
UNSOUND = ErrorCode(
    "ALARM_014",
    422,
    "The members contradict each other, or name what the organization does not have",
    "Correct the members that `details` names.",
)
WRONG_CODE = ErrorCode(
    "ALARM_015",
    422,
    "The code is wrong, was used, or has expired",
    "Send the code of the e-mail; after five wrong ones or a day, have a new one sent by "
    "`POST /alarms/channels/{channel_id}/code`.",
)
NOT_SENT = ErrorCode(
    "ALARM_016",
    409,
    "The code can't be sent to the address",
    "Try again on another day; the operator can see whether a mail server is configured.",
)
UNVERIFIED = ErrorCode(
    "ALARM_017",
    409,
    "The address of the channel is not verified",
    "Send the code that its owner has got to `POST /alarms/channels/{channel_id}/verify`.",
)

CODES = (
    *(NO_RULE, CONTRADICTORY, NO_ALARM, WITHDRAWN, TOO_MANY),
    *(NO_CHANNEL, NO_POLICY, NO_SILENCE, IN_USE, UNSOUND, WRONG_CODE, NOT_SENT, UNVERIFIED),
)
