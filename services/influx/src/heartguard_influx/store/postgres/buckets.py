"""Buckets in PostgreSQL."""

from collections.abc import Sequence

from heartguard_common.core.clock import from_datetime
from heartguard_common.core.limits import Limits, require
from heartguard_common.stores.database import Database, Row, prepared, text
from heartguard_influx.buckets.domain import Bucket, Organization

# The organization's own bucket takes its retention from the organization, with or without a row of its own.
_BUCKETS = """
SELECT b.id, o.id AS org_id, named.name, o.time_zone, o.unknown_measurements,
    CASE WHEN named.name = 'org_' || o.id THEN o.retention_days ELSE b.retention_days END AS retention_days,
    CASE WHEN named.name = 'org_' || o.id THEN o.created_at ELSE b.created_at END AS created_at
FROM heartguard_core.organizations AS o
CROSS JOIN LATERAL (
    SELECT ('org_' || o.id) COLLATE "C" AS name
    UNION SELECT own.name FROM heartguard_core.buckets AS own WHERE own.org_id = o.id
) AS named
LEFT JOIN heartguard_core.buckets AS b ON b.org_id = o.id AND b.name = named.name
WHERE o.deleted_at IS NULL
"""
_OF_ORGANIZATION = f"{_BUCKETS} AND o.id = :org_id"
_WITH_RETENTION = f"""
{_BUCKETS} AND b.id IS NOT NULL
    AND CASE WHEN named.name = 'org_' || o.id THEN o.retention_days ELSE b.retention_days END IS NOT NULL
ORDER BY b.id
"""
ROW_OF_BUCKET = """
SELECT b.id, o.id AS org_id, b.name, o.time_zone, o.unknown_measurements,
    CASE WHEN b.name = 'org_' || o.id THEN o.retention_days ELSE b.retention_days END AS retention_days,
    CASE WHEN b.name = 'org_' || o.id THEN o.created_at ELSE b.created_at END AS created_at
FROM heartguard_core.buckets AS b
JOIN heartguard_core.organizations AS o ON o.id = b.org_id AND o.deleted_at IS NULL
WHERE true
"""
"""A bucket that has a row of its own, as `bucket_of` takes it; more conditions may follow."""
_FIND = prepared(f"{_OF_ORGANIZATION} AND named.name = :name", org_id="bigint", name="text")
_NAME = prepared(
    "SELECT name FROM heartguard_core.buckets WHERE org_id = :org_id AND id = :id", org_id="bigint", id="bigint"
)
_ORGANIZATION = prepared(
    "SELECT name, created_at FROM heartguard_core.organizations WHERE id = :org_id AND deleted_at IS NULL",
    org_id="bigint",
)
_LIST = f"{_OF_ORGANIZATION} AND named.name > :after ORDER BY named.name LIMIT :limit"
_INSERT = """
INSERT INTO heartguard_core.buckets (org_id, name, retention_days) VALUES (:org_id, :name, :retention_days)
ON CONFLICT DO NOTHING RETURNING id
"""
_LOCK_KEY_SHARE = prepared(
    "SELECT id FROM heartguard_core.buckets WHERE org_id = :org_id AND name = :name FOR KEY SHARE",
    org_id="bigint",
    name="text",
)
_REMOVE = (
    "DELETE FROM heartguard_core.field_types WHERE bucket_id = :id",
    "DELETE FROM heartguard_core.buckets WHERE id = :id",
)
_COUNT_BUCKETS = "SELECT count(*) FROM heartguard_core.buckets WHERE org_id = :org_id"
_LOCK = "SELECT FROM heartguard_core.buckets WHERE id = :id FOR UPDATE"


class PostgresBuckets:
    """Buckets in PostgreSQL, held to the limit on buckets where `limits` are given."""

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        self._database = database
        self._limits = limits

    def find(self, org_id: int, name: str) -> Bucket | None:
        """The bucket, or None. The organization's own exists as long as the organization."""
        row = self._database.one(_FIND, {"org_id": org_id, "name": name})
        return None if row is None else bucket_of(row)

    def name_of(self, org_id: int, bucket_id: int) -> str | None:
        """The name of the bucket with that id, or None."""
        row = self._database.one(_NAME, {"org_id": org_id, "id": bucket_id})
        return None if row is None else row.name

    def organization(self, org_id: int) -> Organization | None:
        """The organization, or None where it was deleted."""
        row = self._database.one(_ORGANIZATION, {"org_id": org_id})
        return None if row is None else Organization(org_id, row.name, from_datetime(row.created_at))

    def ensure_and_lock(self, bucket: Bucket) -> int | None:
        """The bucket's id; creates its row if it has none, and locks it against deletion. None where it was deleted."""
        values = {"org_id": bucket.org_id, "name": bucket.name}
        with self._database.transaction() as connection:
            if bucket.id is None:
                connection.execute(text(_INSERT), {**values, "retention_days": None})
            held: int | None = connection.execute(_LOCK_KEY_SHARE, values).scalar()
            return held

    def list(self, org_id: int, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets with a name above `after`, by name."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_LIST), {"org_id": org_id, "after": after, "limit": limit})
            return [bucket_of(row) for row in rows]

    def create(self, org_id: int, name: str, retention_days: int | None) -> Bucket | None:
        """A new bucket, or None when there is one of that name. Raises `LimitError` for too many."""
        values = {"org_id": org_id, "name": name, "retention_days": retention_days}
        with self._database.transaction() as connection:
            if self._limits is not None:
                self._limits.lock(org_id, "buckets")
                require(self._limits, org_id, "buckets", connection.execute(text(_COUNT_BUCKETS), values).scalar_one())
            made = connection.execute(text(_INSERT), values).scalar()
            return None if made is None else self.find(org_id, name)

    def ids(self, org_id: int) -> Sequence[int]:
        """The ids of an organization's buckets that have a row, also while the organization is being deleted."""
        statement = "SELECT id FROM heartguard_core.buckets WHERE org_id = :org_id ORDER BY id"
        with self._database.transaction() as connection:
            return list(connection.execute(text(statement), {"org_id": org_id}).scalars())

    def with_retention(self) -> Sequence[Bucket]:
        """Every bucket with a retention and a row, of all organizations."""
        with self._database.transaction() as connection:
            return [bucket_of(row) for row in connection.execute(text(_WITH_RETENTION))]

    def lock(self, bucket_id: int) -> None:
        """Block all writes into the bucket until the transaction ends: each write holds a lock on the bucket's row."""
        with self._database.transaction() as connection:
            connection.execute(text(_LOCK), {"id": bucket_id})

    def remove(self, bucket_id: int) -> int:
        """Remove an empty bucket with its field types; returns how many buckets that were."""
        with self._database.transaction() as connection:
            return [connection.execute(text(statement), {"id": bucket_id}).rowcount for statement in _REMOVE][-1]


def bucket_of(row: Row) -> Bucket:
    """The bucket of a row."""
    return Bucket(
        id=row.id,
        org_id=row.org_id,
        name=row.name,
        retention_days=row.retention_days,
        created_at=from_datetime(row.created_at),
        time_zone=row.time_zone,
        rejects_unknown=row.unknown_measurements == "reject",
    )
