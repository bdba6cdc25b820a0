"""What media refuses, one row each."""

from heartguard_common.errors import ErrorRow

NO_ITEM = ErrorRow("MEDIA_001", 404, "There is no such file")
TOO_LARGE = ErrorRow("MEDIA_002", 413, "The file is too large")
NOT_BASE64 = ErrorRow("MEDIA_003", 422, "The data is not base64")
CHECKSUM_DIFFERS = ErrorRow("MEDIA_004", 422, "The bytes don't have the stated SHA-256")
BAD_SIGNATURE = ErrorRow("MEDIA_005", 403, "This URL is not valid or has expired")
CUT_SHORT = ErrorRow("MEDIA_006", 400, "The body ended before its declared length")
NO_SUCH_RANGE = ErrorRow("MEDIA_007", 416, "The file does not have that range")
NO_MEDIA_TYPE = ErrorRow("MEDIA_008", 415, "The file needs a valid Content-Type")
OVER_QUOTA = ErrorRow("MEDIA_009", 413, "The organization has no room left for this file")
TYPE_NOT_TAKEN = ErrorRow("MEDIA_010", 415, "Files of this type are not taken")
TYPE_DIFFERS = ErrorRow("MEDIA_011", 422, "The bytes are not of the stated type")
SIZE_DIFFERS = ErrorRow("MEDIA_012", 422, "The bytes are not as many as was stated")
NOT_ARRIVED = ErrorRow("MEDIA_013", 409, "The bytes of this upload have not arrived")
ALREADY_SENT = ErrorRow("MEDIA_014", 412, "The bytes of this upload are already there")
NEEDS_LENGTH = ErrorRow("MEDIA_015", 411, "This upload needs a Content-Length")

ROWS = (
    NO_ITEM,
    TOO_LARGE,
    NOT_BASE64,
    CHECKSUM_DIFFERS,
    BAD_SIGNATURE,
    CUT_SHORT,
    NO_SUCH_RANGE,
    NO_MEDIA_TYPE,
    OVER_QUOTA,
    TYPE_NOT_TAKEN,
    TYPE_DIFFERS,
    SIZE_DIFFERS,
    NOT_ARRIVED,
    ALREADY_SENT,
    NEEDS_LENGTH,
)
