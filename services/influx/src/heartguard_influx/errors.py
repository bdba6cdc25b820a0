"""The refusals of the time-series service."""

from heartguard_common.errors import ErrorRow

NO_BUCKET = ErrorRow("TS_001", 404, "There is no such bucket")
BUCKET_EXISTS = ErrorRow("TS_002", 409, "There is a bucket of this name already")
OWN_BUCKET = ErrorRow("TS_003", 409, "The organization's own bucket ends with the organization")
BATCH_REJECTED = ErrorRow("TS_004", 422, "Points of an atomic batch were rejected; nothing is stored")
NOT_YOURS = ErrorRow("TS_005", 403, "This role reads its own points only")
OVER_BUDGET = ErrorRow("TS_006", 422, "The query asks for more values than one answer holds")
NO_AGGREGATE = ErrorRow("TS_007", 422, "A field of this query has no such aggregate")
UNFINISHED = ErrorRow("TS_008", 503, "There is more to remove than one request can; send it again to remove the rest")
FIELD_STORED = ErrorRow("TS_009", 409, "Points with this field are stored; delete them first")
NO_FIELD = ErrorRow("TS_010", 404, "This measurement has no such field")
STORE_AWAY = ErrorRow("TS_030", 503, "The time-series store does not answer")
STORE_BUSY = ErrorRow("TS_031", 503, "The time-series store takes no more for now")
STORE_REFUSES = ErrorRow("TS_032", 502, "The time-series store does not accept this service's credentials")
STORE_FAULT = ErrorRow("TS_033", 502, "The time-series store gave no usable answer")
STORED_IN_PART = ErrorRow("TS_034", 502, "The time-series store refused points of an atomic batch after storing others")

ROWS = (
    *(NO_BUCKET, BUCKET_EXISTS, OWN_BUCKET, BATCH_REJECTED, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE, UNFINISHED),
    *(FIELD_STORED, NO_FIELD),
    *(STORE_AWAY, STORE_BUSY, STORE_REFUSES, STORE_FAULT, STORED_IN_PART),
)
