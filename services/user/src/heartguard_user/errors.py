"""The error codes of the user service."""

from heartguard_common.core.errors import ErrorCode

NO_USER = ErrorCode(
    "USER_001",
    404,
    "There is no such user",
    "Check the id; the person may have been deleted.",
)
LAST_ADMIN = ErrorCode(
    "USER_002",
    409,
    "The last admin of an organization must stay while it has other members",
    "Make another member an admin first.",
)
NO_JOB = ErrorCode(
    "USER_003",
    404,
    "There is no such job",
    "Check the id that `Location` gave.",
)
UNSETTLED = ErrorCode(
    "USER_004",
    409,
    "The member was changed by others at the same time",
    "Read the member again and repeat the change.",
)

CODES = (NO_USER, LAST_ADMIN, NO_JOB, UNSETTLED)
