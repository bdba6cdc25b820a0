"""Buckets, and the end of what is in them."""

from collections.abc import Sequence

from heartguard_common.audit import AuditTrail
from heartguard_common.errors import ServiceError
from heartguard_common.identity import Principal
from heartguard_influx.domain.bucket import Bucket, belongs_to, own_name
from heartguard_influx.errors import BUCKET_EXISTS, NO_BUCKET, OWN_BUCKET
from heartguard_influx.ports import Buckets, TimeSeriesStore, Transaction
from heartguard_influx.usecases.access import find_bucket, organization_of


class Keeping:
    """Buckets, and the end of what is in them."""

    def __init__(self, transaction: Transaction, buckets: Buckets, store: TimeSeriesStore, audit: AuditTrail) -> None:
        self._transaction = transaction
        self._buckets = buckets
        self._store = store
        self._audit = audit

    def list(self, principal: Principal, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets of the caller's organization with a name above `after`, by name."""
        return self._buckets.list(organization_of(principal), after, limit)

    def create(self, principal: Principal, name: str, retention_days: int | None) -> Bucket:
        """A new bucket. Raises TS_001 for a name that can't be the organization's, TS_002 for one that is taken."""
        org_id = organization_of(principal)
        if not belongs_to(name, org_id):
            raise ServiceError(NO_BUCKET)
        with self._transaction():
            if self._buckets.find(org_id, own_name(org_id)) is None:
                raise ServiceError(NO_BUCKET)
            bucket = None
            if name != own_name(org_id):
                bucket = self._buckets.create(org_id, name, retention_days)
            if bucket is None:
                raise ServiceError(BUCKET_EXISTS)
            kept = {"retention_days": retention_days}
            self._audit.changed(principal, "timeseries.create_bucket", f"bucket:{name}", payload=kept)
            return bucket

    def delete(self, principal: Principal, name: str) -> None:
        """Remove a bucket with its points. Raises TS_001, and TS_003 for the organization's own."""
        bucket = find_bucket(self._buckets, principal, name)
        if name == own_name(bucket.org_id):
            raise ServiceError(OWN_BUCKET)
        removed = self._drop(bucket.id or 0)
        self._audit.changed(principal, "timeseries.delete_bucket", f"bucket:{name}", payload={"removed": removed})

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Remove what is kept of an organization, or of one member; returns how many values and buckets."""
        buckets = self._buckets.ids(org_id)
        if user_id is None:
            removed = sum(self._drop(bucket_id) for bucket_id in buckets)
        else:
            removed = self._store.erase(buckets, user_id)
        if removed:
            resource = f"organization:{org_id}" if user_id is None else f"user:{user_id}"
            self._audit.changed(principal, "timeseries.erase", resource, org_id=org_id, payload={"removed": removed})
        return removed

    def _drop(self, bucket_id: int) -> int:
        removed = self._store.erase([bucket_id], None)
        with self._transaction():
            # Once more, now that nobody writes between the end of the points and the end of the bucket.
            return removed + self._store.erase([bucket_id], None) + self._buckets.remove(bucket_id)
