"""Buckets and the organization as documents of InfluxDB 2."""

from collections.abc import Sequence

from heartguard_common.messages import InfluxBucketDocument, InfluxBucketList, InfluxOrganizationList
from heartguard_influx.buckets.domain import Bucket, Organization
from heartguard_influx.influxdb_api.domain import external_bucket_id, external_id

_DAY_SECONDS = 86_400


def bucket_list(buckets: Sequence[Bucket]) -> InfluxBucketList:
    """The message InfluxBucketList."""
    return {"buckets": [_bucket(bucket) for bucket in buckets]}


def _bucket(bucket: Bucket) -> InfluxBucketDocument:
    days = bucket.retention_days
    return {
        "id": external_bucket_id(bucket),
        "orgID": external_id(bucket.org_id),
        "type": "user",
        "name": bucket.name,
        # 0 seconds: for ever, as in InfluxDB
        "retentionRules": [{"type": "expire", "everySeconds": (days or 0) * _DAY_SECONDS}],
        "createdAt": bucket.created_at,
    }


def organization_list(organizations: Sequence[Organization]) -> InfluxOrganizationList:
    """The message InfluxOrganizationList."""
    return {
        "orgs": [
            {"id": external_id(it.id), "name": it.name, "status": "active", "createdAt": it.created_at}
            for it in organizations
        ]
    }
