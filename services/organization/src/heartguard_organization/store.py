"""Organizations in PostgreSQL."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from heartguard_common.clock import from_datetime
from heartguard_common.database import Database
from heartguard_organization.domain import SETTINGS, TEXTS, Organization

_COLUMNS = "id, name, policies, retention_days, time_zone, unknown_measurements, created_at, updated_at"
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.organizations WHERE id = :id AND deleted_at IS NULL"  # noqa: S608
_LOCK = f"{_FIND} FOR UPDATE"
_UPDATE = f"""
UPDATE heartguard_core.organizations SET name = :name, policies = :policies, retention_days = :retention_days,
    time_zone = :time_zone, unknown_measurements = :unknown_measurements
WHERE id = :id RETURNING {_COLUMNS}
"""  # noqa: S608
_CLOSE = "UPDATE heartguard_core.organizations SET closed_at = now() WHERE id = :id AND closed_at IS NULL"
_END = "UPDATE heartguard_core.organizations SET deleted_at = now() WHERE id = :id AND deleted_at IS NULL"


class PostgresOrganizations:
    """Organizations in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int) -> Organization | None:
        """The organization, or None when it does not exist (any more)."""
        with self._database.transaction() as connection:
            return _one(connection, _FIND, {"id": org_id})

    def change(
        self, org_id: int, decide: Callable[[Organization], Organization]
    ) -> tuple[Organization, Organization] | None:
        """Let `decide` make the new state of the current one, while its row is locked."""
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
        """Set the mark of the organization's deletion: from its commit on nothing more of it is stored."""
        with self._database.transaction() as connection:
            connection.execute(text(_CLOSE), {"id": org_id})

    def end(self, org_id: int) -> None:
        """Let the organization be no more."""
        with self._database.transaction() as connection:
            connection.execute(text(_END), {"id": org_id})


def _one(connection: Connection, statement: str, values: Mapping[str, Any]) -> Organization | None:
    row = connection.execute(text(statement), values).first()
    if row is None:
        return None
    found = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name
    found["created_at"] = from_datetime(found["created_at"])
    found["updated_at"] = from_datetime(found["updated_at"])
    return Organization(**found)
