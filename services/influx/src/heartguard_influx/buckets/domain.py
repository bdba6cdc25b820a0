"""Buckets: where points are kept, and for how long."""

import re
from dataclasses import dataclass

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Bucket:
    """A bucket of an organization; `created_at` is RFC 3339 text, `retention_days` is None where points stay for ever.

    `time_zone` and `rejects_unknown` are settings of the organization, the same in all its buckets.
    `id` is None for the organization's own bucket before the first point is written to it.
    """

    id: int | None
    org_id: int
    name: str
    retention_days: int | None
    created_at: str
    time_zone: str = "UTC"
    rejects_unknown: bool = False

    def oldest_ns(self, now_ns: int) -> int | None:
        """The earliest time whose points are kept, in nanoseconds; None without a retention."""
        return None if self.retention_days is None else now_ns - self.retention_days * DAY_NS


@dataclass(frozen=True)
class Organization:
    """An organization, which owns buckets; `created_at` is RFC 3339 text."""

    id: int
    name: str
    created_at: str


def is_bucket_name(name: str) -> bool:
    """Whether this is the name of an organization's bucket."""
    return re.fullmatch(r"org_[0-9]+(_.+)?", name, re.ASCII | re.DOTALL) is not None


def own_name(org_id: int) -> str:
    """The name of the bucket that every organization has."""
    return f"org_{org_id}"


def belongs_to(name: str, org_id: int) -> bool:
    """Whether the organization may have a bucket of that name: `org_<id>`, or a name beginning with `org_<id>_`."""
    return name == own_name(org_id) or re.match(f"org_{org_id}_.", name) is not None


def days_in_influxdb(name: str, org_id: int, retention_days: int | None) -> int | None:
    """How many days the InfluxDB itself keeps the points of a bucket; None for ever.

    None for the organization's own bucket: its retention can change, so this service removes the points itself.
    """
    return None if name == own_name(org_id) else retention_days
