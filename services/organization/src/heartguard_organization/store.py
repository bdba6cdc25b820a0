"""Organizations in PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence

from heartguard_common.core.clock import from_datetime
from heartguard_common.stores.database import Connection, Database, Row, text
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_organization.domain import SETTINGS, TEXTS, Organization, SetValue
from heartguard_organization.states.domain import Plan
from heartguard_organization.states.store import plan_term

_COLUMNS = (
    "o.id, o.name, o.policies, o.retention_days, o.time_zone, o.unknown_measurements, o.created_at, o.updated_at,"
    " coalesce(s.mode, 'active') AS mode, s.plan, s.plan_until, coalesce(s.grace_days, 0) AS grace_days, s.plan_stage"
)
_FROM = """
FROM heartguard_core.organizations AS o LEFT JOIN heartguard_core.organization_states AS s ON s.org_id = o.id
"""
_FIND = f"SELECT {_COLUMNS} {_FROM} WHERE o.id = :id AND o.deleted_at IS NULL"
_LIST = f"""
SELECT {_COLUMNS} {_FROM} WHERE o.deleted_at IS NULL AND o.id > :after_id
    AND (cast(:folded AS text) IS NULL OR strpos(casefold(o.name COLLATE pg_unicode_fast), :folded) > 0)
ORDER BY o.id LIMIT :limit
"""
_LOCK = f"{_FIND} FOR UPDATE OF o"
_UPDATE = """
UPDATE heartguard_core.organizations SET name = :name, policies = :policies, retention_days = :retention_days,
    time_zone = :time_zone, unknown_measurements = :unknown_measurements
WHERE id = :id
"""
_CLOSE = "UPDATE heartguard_core.organizations SET closed_at = now() WHERE id = :id AND closed_at IS NULL"
_END = "UPDATE heartguard_core.organizations SET deleted_at = now() WHERE id = :id AND deleted_at IS NULL"
_FORGET_LIMITS = "DELETE FROM heartguard_core.organization_limits WHERE org_id = :id"
_FORGET_STATE = "DELETE FROM heartguard_core.organization_states WHERE org_id = :id"
_SET_VALUES = text("SELECT name, value, own FROM heartguard_core.organization_limits WHERE org_id = :org_id")
_USED = text("SELECT name, used FROM heartguard_core.limits_used(:org_id, :today)")
_SET_LIMIT = text("""
INSERT INTO heartguard_core.organization_limits (org_id, name, value, own) VALUES (:org_id, :name, :value, true)
ON CONFLICT (org_id, name) DO UPDATE SET value = excluded.value, own = true
""")
_UNSET_LIMIT = text("DELETE FROM heartguard_core.organization_limits WHERE org_id = :org_id AND name = :name AND own")
_PLAN_LIMIT = text("""
INSERT INTO heartguard_core.organization_limits (org_id, name, value, own) VALUES (:org_id, :name, :value, false)
ON CONFLICT (org_id, name) DO NOTHING
""")
_FORGET_PLAN = text("DELETE FROM heartguard_core.organization_limits WHERE org_id = :org_id AND NOT own")
_PLAN_OF = text("SELECT plan FROM heartguard_core.organization_states WHERE org_id = :org_id")


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
            connection.execute(text(_UPDATE), values)
            return before, _one(connection, _FIND, {"id": org_id}) or after

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

    def __init__(self, database: Database, limits: PostgresLimits, plans: Mapping[str, Plan]) -> None:
        self._database = database
        self._limits = limits
        self._plans = plans

    @property
    def defaults(self) -> Mapping[str, int]:
        """The values that apply where an organization has no own value, by name."""
        return self._limits.defaults

    def set_values(self, org_id: int) -> Mapping[str, SetValue]:
        """The values that were set for the organization or by its plan, by name."""
        rows = self._database.run(_SET_VALUES, {"org_id": org_id}).all()
        return {row.name: SetValue(int(row.value), row.own) for row in rows}

    def used(self, org_id: int) -> Mapping[str, int]:
        """How much is used now, by name, for limits that can be counted."""
        rows = self._database.run(_USED, {"org_id": org_id, "today": self._limits.today()}).all()
        return {row.name: int(row.used) for row in rows}

    def set(self, org_id: int, values: Mapping[str, int | None]) -> None:
        """Set own values of an organization; None restores that of its plan, or else the default."""
        with self._database.transaction() as connection:
            for name, value in values.items():
                statement = _UNSET_LIMIT if value is None else _SET_LIMIT
                connection.execute(statement, {"org_id": org_id, "name": name, "value": value})
            row = connection.execute(_PLAN_OF, {"org_id": org_id}).first()
            plan = self._plans.get(row.plan) if row is not None and row.plan is not None else None
            if plan is not None:
                again = {
                    name: plan.limits[name] for name, value in values.items() if value is None and name in plan.limits
                }
                self._put(connection, org_id, again)

    def apply_plan(self, org_id: int, limits: Mapping[str, int]) -> None:
        """Replace the values of an organization's former plan; own values stay."""
        with self._database.transaction() as connection:
            connection.execute(_FORGET_PLAN, {"org_id": org_id})
            self._put(connection, org_id, limits)

    def _put(self, connection: Connection, org_id: int, limits: Mapping[str, int]) -> None:
        rows = [{"org_id": org_id, "name": name, "value": value} for name, value in limits.items()]
        connection.execute_for_each(_PLAN_LIMIT, rows)


def _one(connection: Connection, statement: str, values: Mapping[str, object]) -> Organization | None:
    row = connection.execute(text(statement), values).first()
    return None if row is None else _organization(row)


def _organization(row: Row) -> Organization:
    return Organization(
        id=row.id,
        name=row.name,
        policies=row.policies,
        retention_days=row.retention_days,
        time_zone=row.time_zone,
        unknown_measurements=row.unknown_measurements,
        mode=row.mode,
        created_at=from_datetime(row.created_at),
        updated_at=from_datetime(row.updated_at),
        plan=plan_term(row),
    )
