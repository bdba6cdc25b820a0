"""API keys in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from heartguard_auth.api_keys.domain import FoundKey, KeyUse, StoredKey
from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_common.core.clock import Clock
from heartguard_common.stores.database import Database, text

_TIMES = ("created_at", "expires_at", "former_until", "last_used_at", "adopt_before")


class PostgresApiKeys:
    """The table `api_keys`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, key: StoredKey, digest: bytes) -> None:
        """Store a new key."""
        self._run(_ADD, {**_values(key), "digest": digest})

    def count(self, org_id: int) -> int:
        """How many keys an organization has."""
        return int(self._database.one(_COUNT, {"org_id": org_id}).keys)

    def find(self, digest: bytes) -> FoundKey | None:
        """The key of a secret, or of the former secret while that is valid."""
        row = self._database.one(_FIND, {"digest": digest, "now": self._now()})
        return None if row is None else FoundKey(_key(row), row.role, bool(row.former))

    def read(self, org_id: int, key_id: str, *, lock: bool = False) -> StoredKey | None:
        """A key of an organization; `lock` keeps others from changing it until the transaction ends."""
        row = self._database.one(_LOCK if lock else _READ, {"org_id": org_id, "id": key_id})
        return None if row is None else _key(row)

    def page(self, org_id: int, created_by: int | None, after: str | None, limit: int | None) -> list[StoredKey]:
        """The keys of an organization, or those that a person is responsible for, oldest first, behind the id.

        Without `limit` all of them.
        """
        values = {"org_id": org_id, "created_by": created_by, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [_key(row) for row in connection.execute(_LIST, values)]

    def replace(self, key: StoredKey) -> None:
        """Store the changed members of a key."""
        self._run(_REPLACE, _values(key))

    def rotate(self, key: StoredKey, digest: bytes) -> None:
        """Store a new secret; the present one becomes the former one until `key.former_until`."""
        self._run(_ROTATE, {**_values(key), "digest": digest})

    def delete(self, org_id: int, key_id: str) -> None:
        """Remove a key."""
        self._run(_DELETE, {"org_id": org_id, "id": key_id})

    def of_person(self, org_id: int, user_id: int | None) -> list[StoredKey]:
        """The keys that a person, or anybody in the organization, is responsible for; locked."""
        with self._database.transaction() as connection:
            rows = connection.execute(_OF_PERSON, {"org_id": org_id, "user_id": user_id})
            return [_key(row) for row in rows]

    def record_uses(self, uses: Sequence[KeyUse]) -> int:
        """Store the last uses that are newer than the known ones; returns how many."""
        values = {
            "org_ids": [use.org_id for use in uses],
            "ids": [use.id for use in uses],
            "times": [timestamptz(use.used_at) for use in uses],
            "addresses": [use.address for use in uses],
        }
        with self._database.transaction() as connection:
            return connection.execute(_RECORD_USES, values).rowcount

    def admins(self, org_id: int) -> list[tuple[int, str]]:
        """The numbers and addresses of the active admins of an organization."""
        with self._database.transaction() as connection:
            return [(row.id, row.email) for row in connection.execute(_ADMINS, {"org_id": org_id})]

    def purge(self) -> None:
        """Remove the keys that nobody has adopted in time, and former secrets that have ended."""
        with self._database.transaction() as connection:
            connection.execute(_PURGE, {"now": self._now()})
            connection.execute(_PURGE_FORMER, {"now": self._now()})

    def _run(self, statement: Any, values: dict[str, object]) -> None:
        with self._database.transaction() as connection:
            connection.execute(statement, values)

    def _now(self) -> object:
        return timestamptz(self._clock.now_ns())


def _values(key: StoredKey) -> dict[str, object]:
    values = asdict(key)
    for name in ("scopes", "buckets", "networks"):
        values[name] = list(values[name])
    for name in _TIMES:
        values[name] = None if values[name] is None else timestamptz(values[name])
    return values


def _key(row: Any) -> StoredKey:
    times = {name: nanoseconds(value) for name in _TIMES if (value := getattr(row, name)) is not None}
    return StoredKey(
        org_id=row.org_id,
        id=str(row.id),
        kind=row.kind,
        name=row.name,
        scopes=tuple(row.scopes),
        buckets=tuple(row.buckets),
        networks=tuple(row.networks),
        created_by=row.created_by,
        hint=row.hint,
        version=str(row.version),
        last_used_address=row.last_used_address,
        kept_role=row.kept_role,
        **times,
    )


_COLUMNS = ", ".join(
    f"k.{name}"
    for name in (
        *("org_id", "id", "kind", "name", "scopes", "buckets", "networks", "created_by", "hint", "version"),
        *("last_used_address", "kept_role", *_TIMES),
    )
)
_SELECT = f"SELECT {_COLUMNS} FROM heartguard_core.api_keys k"  # noqa: S608  no value is in the text
_ADD = text("""
INSERT INTO heartguard_core.api_keys (org_id, id, kind, name, scopes, buckets, networks, created_by, created_at,
    expires_at, secret_hash, hint, version)
VALUES (:org_id, cast(:id AS uuid), :kind, :name, :scopes, :buckets, :networks, :created_by, :created_at,
    :expires_at, :digest, :hint, cast(:version AS uuid))
""")
_COUNT = text("SELECT count(*) AS keys FROM heartguard_core.api_keys WHERE org_id = :org_id")
_FIND = text(f"""
SELECT {_COLUMNS}, k.secret_hash <> :digest AS former, CASE
    WHEN o.closed_at IS NOT NULL OR o.deleted_at IS NOT NULL THEN NULL
    WHEN k.adopt_before IS NOT NULL THEN k.kept_role
    WHEN u.active AND u.deleted_at IS NULL AND u.org_id = k.org_id THEN u.role
    END AS role
FROM heartguard_core.api_keys k
JOIN heartguard_core.users u ON u.id = k.created_by
JOIN heartguard_core.organizations o ON o.id = k.org_id
WHERE k.secret_hash = :digest OR (k.former_hash = :digest AND k.former_until > :now)
""")  # noqa: S608
_READ = text(f"{_SELECT} WHERE k.org_id = :org_id AND k.id = cast(:id AS uuid)")
_LOCK = text(f"{_SELECT} WHERE k.org_id = :org_id AND k.id = cast(:id AS uuid) FOR UPDATE")
_LIST = text(f"""
{_SELECT}
WHERE k.org_id = :org_id AND (cast(:created_by AS integer) IS NULL OR k.created_by = :created_by)
AND (cast(:after AS uuid) IS NULL OR k.id > cast(:after AS uuid))
ORDER BY k.id LIMIT cast(:limit AS bigint)
""")
_REPLACE = text("""
UPDATE heartguard_core.api_keys
SET name = :name, scopes = :scopes, buckets = :buckets, networks = :networks, expires_at = :expires_at,
    version = cast(:version AS uuid), created_by = :created_by, adopt_before = :adopt_before, kept_role = :kept_role
WHERE org_id = :org_id AND id = cast(:id AS uuid)
""")
_ROTATE = text("""
UPDATE heartguard_core.api_keys
SET former_hash = secret_hash, former_until = :former_until, secret_hash = :digest, hint = :hint,
    version = cast(:version AS uuid)
WHERE org_id = :org_id AND id = cast(:id AS uuid)
""")
_DELETE = text("DELETE FROM heartguard_core.api_keys WHERE org_id = :org_id AND id = cast(:id AS uuid)")
_OF_PERSON = text(f"""
{_SELECT}
WHERE k.org_id = :org_id AND (cast(:user_id AS integer) IS NULL OR k.created_by = :user_id)
ORDER BY k.id FOR UPDATE
""")
# Locked in the order of ids: two processes may send uses of the same keys at the same time.
_RECORD_USES = text("""
WITH used AS (
    SELECT * FROM unnest(cast(:org_ids AS integer[]), cast(:ids AS uuid[]), cast(:times AS timestamptz[]),
        cast(:addresses AS text[])) AS used (org_id, id, at, address)
), newer AS (
    SELECT k.org_id, k.id, used.at, used.address FROM heartguard_core.api_keys k JOIN used USING (org_id, id)
    WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
    ORDER BY k.org_id, k.id FOR UPDATE OF k
)
UPDATE heartguard_core.api_keys k SET last_used_at = newer.at, last_used_address = newer.address
FROM newer WHERE k.org_id = newer.org_id AND k.id = newer.id
""")
_ADMINS = text("""
SELECT id, email FROM heartguard_core.users
WHERE org_id = :org_id AND role = 'admin' AND active AND deleted_at IS NULL ORDER BY id
""")
_PURGE = text("DELETE FROM heartguard_core.api_keys WHERE adopt_before <= :now")
_PURGE_FORMER = text("""
UPDATE heartguard_core.api_keys SET former_hash = NULL, former_until = NULL WHERE former_until <= :now
""")
