"""What clients of InfluxDB call things: ids of 16 digits, precisions, names of organizations and retention policies."""

import re
from collections.abc import Mapping

from heartguard_influx.buckets.domain import Bucket, Organization, own_name
from heartguard_influx.points.domain.line_protocol import PRECISIONS

PRECISIONS_1: Mapping[str, int] = {
    **PRECISIONS,
    "n": 1,
    "u": 1_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
"""Nanoseconds in one unit of a timestamp, by the precisions of InfluxDB 1."""
RETENTION_POLICIES = ("", "autogen", "default")
"""What clients of InfluxDB 1 call the one retention policy that a bucket has."""
_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
# The organization's own bucket has no row before its first point, and the same id before and after that.
_OWN = 1 << 62


def external_id(number: int) -> str:
    """An id as InfluxDB 2 writes it: 16 hexadecimal digits."""
    return format(number, "016x")


def external_bucket_id(bucket: Bucket) -> str:
    """The id of a bucket as InfluxDB 2 writes it."""
    own = bucket.id is None or bucket.name == own_name(bucket.org_id)
    return external_id(_OWN | bucket.org_id if own else bucket.id or 0)


def read_id(text: str) -> int | None:
    """The number of an id in the form of InfluxDB 2; None for any other text."""
    return int(text, 16) if _ID.fullmatch(text) else None


def is_own_bucket(number: int, org_id: int) -> bool:
    """Whether this is the number of the organization's own bucket."""
    return number == _OWN | org_id


def names(organization: Organization, text: str) -> bool:
    """Whether a text names the organization: by its name, its number, or its id in the form of InfluxDB 2."""
    return text in (organization.name, str(organization.id), external_id(organization.id))
