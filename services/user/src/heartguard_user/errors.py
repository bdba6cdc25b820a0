"""The refusals of the user service."""

from heartguard_common.errors import ErrorRow

NO_USER = ErrorRow(
    "USER_001",
    404,
    "There is no such user",
    "Check the id; the person may have been deleted.",
)
LAST_ADMIN = ErrorRow(
    "USER_002",
    409,
    "The organization's last admin must stay while it has other members",
    "Make another member an admin first.",
)
NO_JOB = ErrorRow(
    "USER_003",
    404,
    "There is no such job",
    "Check the id that `Location` gave.",
)
UNSETTLED = ErrorRow(
    "USER_004",
    409,
    "Others keep changing this member; read it again",
    "Read the member again and repeat the change.",
)

ROWS = (NO_USER, LAST_ADMIN, NO_JOB, UNSETTLED)
