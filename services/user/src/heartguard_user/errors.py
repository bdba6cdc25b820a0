"""The refusals of the user service."""

from heartguard_common.errors import ErrorRow

NO_USER = ErrorRow("USER_001", 404, "There is no such user")

ROWS = (NO_USER,)
