"""The refusals of the user service."""

from heartguard_common.errors import ErrorRow

NO_USER = ErrorRow("USER_001", 404, "There is no such user")
LAST_ADMIN = ErrorRow("USER_002", 409, "The organization's last admin must stay while it has other members")
NO_JOB = ErrorRow("USER_003", 404, "There is no such job")
UNSETTLED = ErrorRow("USER_004", 409, "Others keep changing this member; read it again")

ROWS = (NO_USER, LAST_ADMIN, NO_JOB, UNSETTLED)
