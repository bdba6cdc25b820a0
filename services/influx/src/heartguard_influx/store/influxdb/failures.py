"""The failures of an InfluxDB that are counted, by kind, as `heartguard_influxdb_failures_total`."""

from collections.abc import Mapping

from heartguard_common.core.errors import ErrorCode
from heartguard_influx.errors import STORE_BUSY, STORE_FAILED, STORE_REFUSES, STORE_UNAVAILABLE

CUT = "cut"  # an answer exceeded its limit of time or size and was cut off
UNCONFIRMED = "unconfirmed"  # the last try to send a batch had no answer: it may be stored, and its sender gets 5xx
ERASURE = "erasure"  # points were left after a deletion that the server had acknowledged
BY_ERROR: Mapping[ErrorCode, str] = {
    STORE_REFUSES: "refused",
    STORE_UNAVAILABLE: "away",
    STORE_BUSY: "busy",
    STORE_FAILED: "fault",
}
KINDS = (*BY_ERROR.values(), CUT, UNCONFIRMED, ERASURE)


def uncounted(kind: str) -> None:
    """Count nothing: for callers without metrics."""
