"""Buckets: where points are kept, and for how long."""

import re
from dataclasses import dataclass

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Bucket:
    """A bucket of an organization; `created_at` is RFC 3339 text, no `retention_days` means for ever.

    `time_zone` and `rejects_unknown` are the organization's settings, which hold in all its buckets.
    `id` is None while no point was ever written to the organization's own bucket.
    """

    id: int | None
    org_id: int
    name: str
    retention_days: int | None
    created_at: str
    time_zone: str = "UTC"
    rejects_unknown: bool = False

    def oldest_ns(self, now_ns: int) -> int | None:
        """The first instant that is still kept, or None where everything is."""
        return None if self.retention_days is None else now_ns - self.retention_days * DAY_NS


def is_bucket_name(name: str) -> bool:
    """Whether a bucket of that name is some organization's."""
    return re.fullmatch(r"org_[0-9]+(_.+)?", name, re.ASCII | re.DOTALL) is not None


def own_name(org_id: int) -> str:
    """The name of the bucket that an organization has from the moment it exists."""
    return f"org_{org_id}"


def belongs_to(name: str, org_id: int) -> bool:
    """Whether a bucket of that name can be the organization's: `org_<id>`, or a name beginning with `org_<id>_`."""
    return name == own_name(org_id) or re.match(f"org_{org_id}_.", name) is not None


def days_in_influxdb(name: str, org_id: int, retention_days: int | None) -> int | None:
    """How long an InfluxDB itself keeps a bucket's points; None for ever.

    How long the organization's own bucket keeps points is a setting that changes: not the server's matter.
    """
    return None if name == own_name(org_id) else retention_days
