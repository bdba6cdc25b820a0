"""The error codes of the time-series service."""

from heartguard_common.core.errors import ErrorCode

NO_BUCKET = ErrorCode(
    "TS_001",
    404,
    "There is no such bucket",
    "Check the name, or create the bucket by `POST /timeseries/buckets`.",
)
BUCKET_EXISTS = ErrorCode(
    "TS_002",
    409,
    "There is a bucket of this name already",
    "Use the bucket that is there, or another name.",
)
OWN_BUCKET = ErrorCode(
    "TS_003",
    409,
    "The organization's own bucket can't be deleted",
    "Delete its points by `POST /timeseries/delete`; the bucket is removed with the organization.",
)
BATCH_REJECTED = ErrorCode(
    "TS_004",
    422,
    "Points of an atomic batch were rejected; nothing is stored",
    "Correct the points that the message and `details` name, and send the batch again.",
)
NOT_YOURS = ErrorCode(
    "TS_005",
    403,
    "This role reads its own points only",
    "Ask for your own points, or have an admin or a manager ask.",
)
OVER_BUDGET = ErrorCode(
    "TS_006",
    422,
    "The query asks for more values than one answer holds",
    "Ask for a shorter range, fewer series, or a page (`limit`).",
)
NO_AGGREGATE = ErrorCode(
    "TS_007",
    422,
    "A field of this query does not support this aggregate",
    "Use another aggregate, or only fields that support it.",
)
UNFINISHED = ErrorCode(
    "TS_008",
    503,
    "There is more to remove than one request can; send it again to remove the rest",
    "Send the same request again until it succeeds.",
)
FIELD_STORED = ErrorCode(
    "TS_009",
    409,
    "Points with this field are stored; delete them first",
    "Delete the points with this field first.",
)
NO_FIELD = ErrorCode(
    "TS_010",
    404,
    "This measurement has no such field",
    "See the names at `GET /timeseries/fields`.",
)
PARTIAL_WRITE = ErrorCode(
    "TS_020",
    400,
    "Lines of the body were dropped; all others are stored",
    "Correct the lines that the message names, and send only them again.",
)
NO_ORGANIZATION = ErrorCode(
    "TS_021",
    404,
    "The caller's organization has another name",
    "Set `org` to the organization's name or number, or leave it out.",
)
NO_RETENTION_POLICY = ErrorCode(
    "TS_022",
    404,
    "The bucket has no such retention policy",
    "Leave `rp` out, or send `autogen`: a bucket has one retention policy.",
)
EXPORT_OPEN = ErrorCode(
    "TS_023",
    409,
    "Another export of the caller is being made",
    "Wait until its job is done, then ask again.",
)
EXPORT_TOO_LARGE = ErrorCode(
    "TS_024",
    422,
    "The file would be larger than one may be",
    "Ask for a shorter period, or for one measurement.",
)
NO_PARQUET = ErrorCode(
    "TS_025",
    422,
    "Parquet can't be written here",
    "Ask for CSV, or have the operator install the package pyarrow: `pip install -r requirements-parquet.txt`.",
)
NO_EXPORT = ErrorCode(
    "TS_026",
    404,
    "There is no such export",
    "Ask for a new one: only who asked for an export can read it, for 30 days.",
)
STORE_UNAVAILABLE = ErrorCode(
    "TS_030",
    503,
    "The time-series store does not answer",
    "Try again after some seconds.",
)
STORE_BUSY = ErrorCode(
    "TS_031",
    503,
    "The time-series store is busy",
    "Wait as long as `Retry-After` says, or some seconds.",
)
STORE_REFUSES = ErrorCode(
    "TS_032",
    502,
    "The time-series store does not accept this service's credentials",
    "The operator corrects `INFLUX_TOKEN`; `GET /timeseries/ready` names what it lacks.",
)
STORE_FAILED = ErrorCode(
    "TS_033",
    502,
    "The time-series store gave no usable answer",
    "Try again; the operator looks at the InfluxDB's log.",
)
STORED_IN_PART = ErrorCode(
    "TS_034",
    502,
    "The time-series store refused points of an atomic batch after storing others",
    "Send the batch again: points that are stored already are not stored twice.",
)
NO_IMPORT = ErrorCode(
    "TS_040",
    404,
    "There is no such import",
    "See the imports at `GET /imports`; an ended one is listed for 30 days.",
)
IMPORT_ENDED = ErrorCode(
    "TS_041",
    409,
    "The import has ended, so it can't be cancelled",
    "Delete its points by `POST /timeseries/delete` if they shall not stay.",
)
TOO_LARGE_TO_IMPORT = ErrorCode(
    "TS_042",
    413,
    "The file is too large to be imported",
    "Export a shorter period, or write the points with heartguard-client; `MAX_IMPORT_MB` is the largest.",
)
NO_ROOM_FOR_FILE = ErrorCode(
    "TS_043",
    413,
    "The organization has no room for the file",
    "Delete files, or wait until other imports have ended.",
)

CODES = (
    *(NO_BUCKET, BUCKET_EXISTS, OWN_BUCKET, BATCH_REJECTED, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE, UNFINISHED),
    *(FIELD_STORED, NO_FIELD, PARTIAL_WRITE, NO_ORGANIZATION, NO_RETENTION_POLICY),
    *(NO_IMPORT, IMPORT_ENDED, TOO_LARGE_TO_IMPORT, NO_ROOM_FOR_FILE),
    *(EXPORT_OPEN, EXPORT_TOO_LARGE, NO_PARQUET, NO_EXPORT),
    *(STORE_UNAVAILABLE, STORE_BUSY, STORE_REFUSES, STORE_FAILED, STORED_IN_PART),
)
