"""The refusals of the organization service."""

from heartguard_common.errors import ErrorRow

NO_ORGANIZATION = ErrorRow("ORG_001", 404, "There is no such organization")
WRONG_NAME = ErrorRow("ORG_002", 422, "The name is not the name of the organization")
UNKNOWN_TIME_ZONE = ErrorRow("ORG_003", 422, "The time zone is not in the IANA time zone database")
NO_JOB = ErrorRow("ORG_004", 404, "There is no such deletion")
NO_LIMIT = ErrorRow("ORG_005", 422, "There is no such limit of an organization")

ROWS = (NO_ORGANIZATION, WRONG_NAME, UNKNOWN_TIME_ZONE, NO_JOB, NO_LIMIT)
