"""Listing and creating buckets."""

from collections.abc import Sequence

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_influx.buckets.access import organization_of
from heartguard_influx.buckets.domain import Bucket, belongs_to, own_name
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.errors import BUCKET_EXISTS, NO_BUCKET


class BucketAdministration:
    """The buckets of an organization."""

    def __init__(
        self,
        buckets: Buckets,
        *,
        transaction: Transaction,
        registry: Transaction,
        audit: AuditTrail,
        authority: Authority,
    ) -> None:
        """`registry` is the transaction over what PostgreSQL has in any case."""
        self._buckets = buckets
        self._transaction = transaction
        self._registry = registry
        self._audit = audit
        self._authority = authority

    def list(self, principal: Principal, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets of the caller's organization with a name above `after`, by name.

        For an API key that is restricted to some buckets, only those.
        """
        key, org_id = principal.api_key, organization_of(principal)
        if key is None or not key.buckets:
            return self._buckets.list(org_id, after, limit)
        names = sorted(name for name in key.buckets if name > after and belongs_to(name, org_id))
        found = (self._buckets.find(org_id, name) for name in names)
        return [bucket for bucket in found if bucket is not None][:limit]

    def create(self, principal: Principal, name: str, retention_days: int | None) -> Bucket:
        """A new bucket. Raises TS_001 for a name that can't be the organization's, TS_002 for one that is taken."""
        org_id = organization_of(principal)
        if not belongs_to(name, org_id):
            raise ServiceError(NO_BUCKET)
        with self._transaction():
            with self._registry():
                if self._buckets.find(org_id, own_name(org_id)) is None:
                    raise ServiceError(NO_BUCKET)
                self._authority.require_actor(principal)
                bucket = None
                if name != own_name(org_id):
                    bucket = self._buckets.create(org_id, name, retention_days)
            if bucket is None:
                raise ServiceError(BUCKET_EXISTS)
            kept = {"retention_days": retention_days}
            self._audit.changed(principal, "timeseries.create_bucket", f"bucket:{name}", payload=kept)
            return bucket
