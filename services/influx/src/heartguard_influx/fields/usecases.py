"""Listing the types of fields, and removing the type of a field."""

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
    """The types of the fields of a bucket."""

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
        """Up to `limit` fields with an id above `after`, by id: the order of their first writes. Raises TS_001."""
        with self._transaction():
            found = find_bucket(self._buckets, principal, bucket)
            return self._types.page(found.id or 0, measurement, after=after, limit=limit)

    def reset(self, principal: Principal, bucket: str, measurement: str, name: str) -> None:
        """Remove the type of a field, so that the next point that is stored decides it.

        Raises TS_009 while points with the field are stored, because all their values have its type.
        Raises TS_001, TS_010 for a field without a type, and GEN_401_TOKEN when the caller's account no longer matches
        their token.
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
            self._types.remove(field.id)
            payload = {"measurement": measurement, "field": name, "type": field.type}
            self._audit.changed(principal, "timeseries.reset_field", f"bucket:{bucket}", payload=payload)
