"""What is needed of the store to know and reset the types of fields."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from heartguard_influx.fields.domain import Field, FieldKey, FieldType, TypedField


class FieldTypes(Protocol):
    """The type of each field of a measurement, the same for everybody who writes."""

    def known(self, bucket_id: int, keys: Sequence[FieldKey]) -> dict[FieldKey, FieldType]:
        """The types of those fields that have one."""

    def register(self, bucket_id: int, types: Mapping[FieldKey, FieldType]) -> None:
        """Give fields a type; one that another request has just given stays. Raises `LimitError` for too many."""

    def measurements(self, bucket_id: int) -> Sequence[str]:
        """The measurements that have fields, by name."""

    def of(self, bucket_id: int, measurement: str) -> Sequence[Field]:
        """The fields of a measurement, by name."""

    def of_each(self, bucket_id: int, measurements: Collection[str]) -> Mapping[str, Sequence[Field]]:
        """The fields of those measurements that have some."""

    def page(self, bucket_id: int, measurement: str | None, *, after: int, limit: int) -> Sequence[TypedField]:
        """Up to `limit` fields of a bucket, or of one measurement, with an id above `after`, by id."""

    def remove(self, field_id: int) -> None:
        """Remove the type of a field: the next point that is stored decides it."""


class FieldUse(Protocol):
    """Which fields are in use."""

    def holds(self, bucket_id: int, measurement: str, field: Field) -> bool:
        """Whether a point with this field is stored."""
