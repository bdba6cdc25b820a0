"""The types that fields have, and how one loses its type."""

from collections.abc import Sequence

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_influx.buckets.access import find_bucket
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.errors import FIELD_STORED, NO_FIELD
from heartguard_influx.fields.domain import Field, TypedField
from heartguard_influx.fields.ports import FieldTypes, FieldUse


class Fields:
    """The types that the fields of a bucket have."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: FieldUse,
        *,
        transaction: Transaction,
        audit: AuditTrail,
        authority: Authority,
    ) -> None:
        self._buckets = buckets
        self._types = types
        self._points = points
        self._transaction = transaction
        self._audit = audit
        self._authority = authority

    def list(
        self, principal: Principal, bucket: str, measurement: str | None, after: int, limit: int
    ) -> Sequence[TypedField]:
        """Up to `limit` fields with a id above `after`, in the order in which they came to be. Raises TS_001."""
        with self._transaction():
            found = find_bucket(self._buckets, principal, bucket)
            return self._types.page(found.id or 0, measurement, after=after, limit=limit)

    def reset(self, principal: Principal, bucket: str, measurement: str, name: str) -> None:
        """Let the next point that is stored decide a field's type.

        No stored value can be of another type than its field: raises TS_009 while there are points with the field.
        Raises TS_001, TS_010 for a field that has no type, and GEN_401_TOKEN for a caller who is not who their token
        says.
        """
        with self._transaction():
            found = find_bucket(self._buckets, principal, bucket)
            self._authority.require_actor(principal)
            self._buckets.lock(found.id or 0)
            fields = {field.name: field for field in self._types.of(found.id or 0, measurement)}
            if name not in fields:
                raise ServiceError(NO_FIELD)
            field: Field = fields[name]
            if self._points.holds(found.id or 0, measurement, field):
                raise ServiceError(FIELD_STORED)
            self._types.forget(field.id)
            payload = {"measurement": measurement, "field": name, "type": field.type}
            self._audit.changed(principal, "timeseries.reset_field", f"bucket:{bucket}", payload=payload)
