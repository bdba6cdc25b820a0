"""Field types in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence

from heartguard_common.core.limits import Limits, require
from heartguard_common.stores.arrays import texts
from heartguard_common.stores.database import Connection, Database, prepared, text
from heartguard_influx.fields.domain import Field, FieldKey, FieldType, TypedField

_TYPES = prepared(
    """
    SELECT t.measurement, t.field, t.type
    FROM unnest(:measurements, :fields) AS wanted (measurement, field)
    JOIN heartguard_core.field_types AS t
        ON t.bucket_id = :bucket_id AND t.measurement = wanted.measurement AND t.field = wanted.field
    """,
    measurements="text[]",
    fields="text[]",
    bucket_id="bigint",
)
_REGISTER = """
INSERT INTO heartguard_core.field_types (bucket_id, measurement, field, type)
SELECT :bucket_id, new.*
FROM unnest(cast(:measurements AS text[]), cast(:fields AS text[]), cast(:types AS text[])) AS new (m, f, t)
ORDER BY new.m COLLATE "C", new.f COLLATE "C"
ON CONFLICT DO NOTHING
"""
_ORGANIZATION = "SELECT org_id FROM heartguard_core.buckets WHERE id = :bucket_id"
_COUNT_FIELDS = """
SELECT count(*) FROM heartguard_core.field_types AS f
JOIN heartguard_core.buckets AS b ON b.id = f.bucket_id WHERE b.org_id = :org_id
"""
_FIELDS = prepared(
    """
    SELECT id, field, type FROM heartguard_core.field_types
    WHERE bucket_id = :bucket_id AND measurement = :measurement ORDER BY field
    """,
    bucket_id="bigint",
    measurement="text",
)
_OF_EACH = prepared(
    """
    SELECT measurement, id, field, type FROM heartguard_core.field_types
    WHERE bucket_id = :bucket_id AND measurement = ANY (:measurements)
    """,
    bucket_id="bigint",
    measurements="text[]",
)
_TYPED = """
SELECT id, measurement, field, type FROM heartguard_core.field_types
WHERE bucket_id = :bucket_id AND (cast(:measurement AS text) IS NULL OR measurement = :measurement) AND id > :after
ORDER BY id LIMIT :limit
"""


class PostgresFieldTypes:
    """Field types in PostgreSQL, held to the limit on fields where `limits` are given."""

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        self._database = database
        self._limits = limits

    def known(self, bucket_id: int, keys: Sequence[FieldKey]) -> dict[FieldKey, FieldType]:
        """The types of those fields that have one."""
        with self._database.transaction() as connection:
            rows = connection.execute(_TYPES, {"bucket_id": bucket_id, **_columns(keys)})
            return {(row.measurement, row.field): row.type for row in rows}

    def register(self, bucket_id: int, types: Mapping[FieldKey, FieldType]) -> None:
        """Give fields a type; one that another request has just given stays. Waits for concurrent requests.

        Raises `LimitError` for too many fields.
        """
        values = {"bucket_id": bucket_id, **_columns(list(types)), "types": texts(types.values())}
        with self._database.transaction() as connection:
            self._require_capacity(connection, bucket_id, len(types))
            connection.execute(text(_REGISTER), values)

    def _require_capacity(self, connection: Connection, bucket_id: int, more: int) -> None:
        org_id = connection.execute(text(_ORGANIZATION), {"bucket_id": bucket_id}).scalar()
        if self._limits is not None and org_id is not None:
            self._limits.lock(org_id, "fields")
            used = connection.execute(text(_COUNT_FIELDS), {"org_id": org_id}).scalar_one()
            require(self._limits, org_id, "fields", used, more)

    def measurements(self, bucket_id: int) -> Sequence[str]:
        """The measurements that have fields, by name."""
        statement = (
            "SELECT DISTINCT measurement FROM heartguard_core.field_types WHERE bucket_id = :bucket_id ORDER BY 1"
        )
        with self._database.transaction() as connection:
            return list(connection.execute(text(statement), {"bucket_id": bucket_id}).scalars())

    def of(self, bucket_id: int, measurement: str) -> Sequence[Field]:
        """The fields of a measurement, by name."""
        with self._database.transaction() as connection:
            rows = connection.execute(_FIELDS, {"bucket_id": bucket_id, "measurement": measurement})
            return [Field(row.id, row.field, row.type) for row in rows]

    def of_each(self, bucket_id: int, measurements: Collection[str]) -> Mapping[str, Sequence[Field]]:
        """The fields of those measurements that have some."""
        found: dict[str, list[Field]] = {}
        with self._database.transaction() as connection:
            values = {"bucket_id": bucket_id, "measurements": texts(measurements)}
            for row in connection.execute(_OF_EACH, values):
                found.setdefault(row.measurement, []).append(Field(row.id, row.field, row.type))
        return found

    def page(self, bucket_id: int, measurement: str | None, *, after: int, limit: int) -> Sequence[TypedField]:
        """Up to `limit` fields of a bucket, or of one measurement, with an id above `after`, by id."""
        values = {"bucket_id": bucket_id, "measurement": measurement, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [TypedField(*row) for row in connection.execute(text(_TYPED), values)]

    def remove(self, field_id: int) -> None:
        """Remove the type of a field: the next point that is stored decides it."""
        with self._database.transaction() as connection:
            connection.execute(text("DELETE FROM heartguard_core.field_types WHERE id = :id"), {"id": field_id})


def _columns(keys: Sequence[FieldKey]) -> dict[str, str]:
    return {"measurements": texts(key[0] for key in keys), "fields": texts(key[1] for key in keys)}
