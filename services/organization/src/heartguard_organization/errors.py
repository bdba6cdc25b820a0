"""The error codes of the organization service."""

from heartguard_common.core.errors import ErrorCode

NO_ORGANIZATION = ErrorCode(
    "ORG_001",
    404,
    "There is no such organization",
    "Check the token's organization; it may have been deleted.",
)
WRONG_NAME = ErrorCode(
    "ORG_002",
    422,
    "The name is not the name of the organization",
    "Send the organization's current name.",
)
UNKNOWN_TIME_ZONE = ErrorCode(
    "ORG_003",
    422,
    "The time zone is not in the IANA time zone database",
    "Send a name of the IANA time zone database, such as `Europe/Madrid`.",
)
NO_JOB = ErrorCode(
    "ORG_004",
    404,
    "There is no such deletion",
    "Check the id that `Location` gave.",
)
NO_LIMIT = ErrorCode(
    "ORG_005",
    422,
    "There is no such limit of an organization",
    "Send a name that `GET /organization/limits` lists.",
)

NO_PLAN = ErrorCode(
    "ORG_006",
    422,
    "There is no such plan",
    "Send a name that `details` lists, or have the operator add the plan to the file of plans.",
)

CODES = (NO_ORGANIZATION, WRONG_NAME, UNKNOWN_TIME_ZONE, NO_JOB, NO_LIMIT, NO_PLAN)
