"""Organizations in PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence

from heartguard_common.core.clock import from_datetime
from heartguard_common.stores.database import Connection, Database, Row, text
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_organization.domain import SETTINGS, TEXTS, Organization

_COLUMNS = (
    "id, name, policies, retention_days, time_zone, unknown_measurements, created_at, updated_at,"
    " coalesce((SELECT s.mode FROM heartguard_core.organization_states s WHERE s.org_id = organizations.id), 'active')"
    " AS mode"
)
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.organizations WHERE id = :id AND deleted_at IS NULL"  # noqa: S608
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.organizations
WHERE deleted_at IS NULL AND id > :after_id
    AND (cast(:folded AS text) IS NULL OR strpos(casefold(name COLLATE pg_unicode_fast), :folded) > 0)
ORDER BY id LIMIT :limit
"""  # noqa: S608
_LOCK = f"{_FIND} FOR UPDATE"
_UPDATE = f"""
UPDATE heartguard_core.organizations SET name = :name, policies = :policies, retention_days = :retention_days,
    time_zone = :time_zone, unknown_measurements = :unknown_measurements
WHERE id = :id RETURNING {_COLUMNS}
"""  # noqa: S608
_CLOSE = "UPDATE heartguard_core.organizations SET closed_at = now() WHERE id = :id AND closed_at IS NULL"
_END = "UPDATE heartguard_core.organizations SET deleted_at = now() WHERE id = :id AND deleted_at IS NULL"
_FORGET_LIMITS = "DELETE FROM heartguard_core.organization_limits WHERE org_id = :id"
_FORGET_STATE = "DELETE FROM heartguard_core.organization_states WHERE org_id = :id"
_OWN_LIMITS = "SELECT name, value FROM heartguard_core.organization_limits WHERE org_id = :org_id"
_USED = "SELECT name, used FROM heartguard_core.limits_used(:org_id, :today)"
_SET_LIMIT = """
INSERT INTO heartguard_core.organization_limits (org_id, name, value) VALUES (:org_id, :name, :value)
ON CONFLICT (org_id, name) DO UPDATE SET value = excluded.value
"""
_UNSET_LIMIT = "DELETE FROM heartguard_core.organization_limits WHERE org_id = :org_id AND name = :name"


class PostgresOrganizations:
    """Organizations in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int) -> Organization | None:
        """The organization, or None when it does not exist or was deleted."""
        with self._database.transaction() as connection:
            return _one(connection, _FIND, {"id": org_id})

    def list(self, part: str | None, after_id: int, limit: int) -> Sequence[Organization]:
        """Up to `limit` organizations with an id above `after_id`, by id; with `part`, those whose name has it."""
        values = {"after_id": after_id, "limit": limit, "folded": None if part is None else part.casefold()}
        with self._database.transaction() as connection:
            return [_organization(row) for row in connection.execute(text(_LIST), values)]

    def change(
        self, org_id: int, decide: Callable[[Organization], Organization]
    ) -> tuple[Organization, Organization] | None:
        """Store the state that `decide` makes of the current one, whose row is locked."""
        with self._database.transaction() as connection:
            before = _one(connection, _LOCK, {"id": org_id})
            if before is None:
                return None
            after = decide(before)
            if after == before:
                return before, before
            values = {name: getattr(after, name) for name in ("id", *TEXTS, *SETTINGS)}
            return before, _one(connection, _UPDATE, values) or after

    def close(self, org_id: int) -> None:
        """Set the organization's deletion mark: after its commit no service stores data of the organization."""
        with self._database.transaction() as connection:
            connection.execute(text(_CLOSE), {"id": org_id})

    def end(self, org_id: int) -> None:
        """Mark the organization as deleted."""
        with self._database.transaction() as connection:
            connection.execute(text(_FORGET_LIMITS), {"id": org_id})
            connection.execute(text(_FORGET_STATE), {"id": org_id})
            connection.execute(text(_END), {"id": org_id})


class PostgresLimitValues:
    """The table `organization_limits`, and the function `limits_used`, which counts in tables of other services."""

    def __init__(self, database: Database, limits: PostgresLimits) -> None:
        self._database = database
        self._limits = limits

    @property
    def defaults(self) -> Mapping[str, int]:
        """The values that apply where an organization has no own value, by name."""
        return self._limits.defaults

    def own(self, org_id: int) -> Mapping[str, int]:
        """The organization's own values, by name."""
        return self._pairs(_OWN_LIMITS, {"org_id": org_id})

    def used(self, org_id: int) -> Mapping[str, int]:
        """How much is used now, by name, for limits that can be counted."""
        return self._pairs(_USED, {"org_id": org_id, "today": self._limits.today()})

    def set(self, org_id: int, values: Mapping[str, int | None]) -> None:
        """Set own values of an organization; None restores the default."""
        with self._database.transaction() as connection:
            for name, value in values.items():
                statement = _UNSET_LIMIT if value is None else _SET_LIMIT
                connection.execute(text(statement), {"org_id": org_id, "name": name, "value": value})

    def _pairs(self, statement: str, values: Mapping[str, object]) -> dict[str, int]:
        with self._database.transaction() as connection:
            return {name: int(number) for name, number in connection.execute(text(statement), values)}


def _one(connection: Connection, statement: str, values: Mapping[str, object]) -> Organization | None:
    row = connection.execute(text(statement), values).first()
    return None if row is None else _organization(row)


def _organization(row: Row) -> Organization:
    found = dict(row._asdict())
    found["created_at"] = from_datetime(found["created_at"])
    found["updated_at"] = from_datetime(found["updated_at"])
    return Organization(**found)
