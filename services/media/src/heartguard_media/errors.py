"""The error codes of media."""

from heartguard_common.core.errors import ErrorCode

NO_ITEM = ErrorCode(
    "MEDIA_001",
    404,
    "There is no such file",
    "Check the id; the file may have been deleted.",
)
TOO_LARGE = ErrorCode(
    "MEDIA_002",
    413,
    "The file is too large",
    "Send a smaller file; `MAX_UPLOAD_MB` is the largest.",
)
NOT_BASE64 = ErrorCode(
    "MEDIA_003",
    422,
    "The data is not base64",
    "Encode the bytes as base64 (RFC 4648 section 4).",
)
CHECKSUM_DIFFERS = ErrorCode(
    "MEDIA_004",
    422,
    "The bytes don't have the stated SHA-256",
    "Send the bytes again, or correct the stated SHA-256.",
)
BAD_SIGNATURE = ErrorCode(
    "MEDIA_005",
    403,
    "This URL is not valid or has expired",
    "Get a new URL.",
)
CUT_SHORT = ErrorCode(
    "MEDIA_006",
    400,
    "The body ended before its declared length",
    "Send the whole body again.",
)
NO_SUCH_RANGE = ErrorCode(
    "MEDIA_007",
    416,
    "The file does not have that range",
    "Ask for a range within the length that `Content-Range` names.",
)
NO_MEDIA_TYPE = ErrorCode(
    "MEDIA_008",
    415,
    "The file needs a valid Content-Type",
    "Send the media type of the file as `Content-Type`.",
)
OVER_QUOTA = ErrorCode(
    "MEDIA_009",
    413,
    "The organization has no room left for this file",
    "Delete files, or have the operator raise `media_bytes`.",
)
TYPE_NOT_TAKEN = ErrorCode(
    "MEDIA_010",
    415,
    "Files of this type are not taken",
    "Convert the file to a type that is taken (services/media/README.md).",
)
TYPE_DIFFERS = ErrorCode(
    "MEDIA_011",
    422,
    "The bytes are not of the stated type",
    "State the type that the bytes have.",
)
SIZE_DIFFERS = ErrorCode(
    "MEDIA_012",
    422,
    "The bytes are not as many as was stated",
    "State the size that the bytes have, or send all of them.",
)
NOT_ARRIVED = ErrorCode(
    "MEDIA_013",
    409,
    "The bytes of this upload have not arrived",
    "Send the bytes to the upload's URL first.",
)
ALREADY_SENT = ErrorCode(
    "MEDIA_014",
    412,
    "The bytes of this upload are already there",
    "Complete the upload, or announce another one.",
)
NEEDS_LENGTH = ErrorCode(
    "MEDIA_015",
    411,
    "This upload needs a Content-Length",
    "Send `Content-Length`.",
)

CODES = (
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
