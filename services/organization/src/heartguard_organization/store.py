"""Organizations and their deletions in PostgreSQL, and the sisters over HTTP."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Connection, text

from heartguard_common.calls import Sister
from heartguard_common.clock import NANOSECONDS, Clock, from_datetime
from heartguard_common.database import Database
from heartguard_organization.domain import SETTINGS, TEXTS, Deletion, Organization

KIND = "organization.delete"
_COLUMNS = "id, name, policies, retention_days, time_zone, unknown_measurements, created_at, updated_at"
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.organizations WHERE id = :id AND deleted_at IS NULL"  # noqa: S608
_LOCK = f"{_FIND} FOR UPDATE"
_UPDATE = f"""
UPDATE heartguard_core.organizations SET name = :name, policies = :policies, retention_days = :retention_days,
    time_zone = :time_zone, unknown_measurements = :unknown_measurements
WHERE id = :id RETURNING {_COLUMNS}
"""  # noqa: S608
_END = "UPDATE heartguard_core.organizations SET deleted_at = now() WHERE id = :id AND deleted_at IS NULL"

_JOB = "id::text AS id, org_id, status, progress, created_by AS requested_by, error"
_UNFINISHED = f"""
SELECT {_JOB} FROM heartguard_core.jobs
WHERE kind = '{KIND}' AND org_id = :org_id AND status IN ('queued', 'running')
"""  # noqa: S608
_REQUEST = f"""
INSERT INTO heartguard_core.jobs (id, org_id, kind, status, progress, created_by)
VALUES (:id, :org_id, '{KIND}', :status, :progress, :requested_by)
"""  # noqa: S608
# After a failure the job rests for as long as it has been going on, within one second and five minutes: the
# rests double, and no counter has to be kept.
_CLAIM = f"""
SELECT {_JOB} FROM heartguard_core.jobs
WHERE kind = '{KIND}' AND status IN ('queued', 'running') AND id::text <> ALL(:but_not) AND (
    error IS NULL OR to_timestamp(:now) >=
        updated_at + least(greatest(updated_at - created_at, interval '1 second'), interval '5 minutes'))
ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608
_ADVANCE = "UPDATE heartguard_core.jobs SET status = :status, progress = :progress, error = :error WHERE id = :id"


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


class PostgresDeletions:
    """Deletions as rows of the job table."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def request(self, deletion: Deletion, confirm: Callable[[Organization], None]) -> tuple[Deletion, bool] | None:
        """Keep a deletion, while the row of its organization is locked: two requests make one job."""
        with self._database.transaction() as connection:
            organization = _one(connection, _LOCK, {"id": deletion.org_id})
            if organization is None:
                return None
            confirm(organization)
            found = connection.execute(text(_UNFINISHED), {"org_id": deletion.org_id}).first()
            if found is not None:
                return Deletion(**found._mapping), False  # noqa: SLF001  SQLAlchemy's public name
            values = vars(deletion)
            connection.execute(text(_REQUEST), values)
            return deletion, True

    def advance(self, work: Callable[[Deletion], Deletion], but_not: Collection[str]) -> Deletion | None:
        """Take one due job a step further; its row stays locked as long as this process and the step live."""
        with self._database.transaction() as connection:
            values = {"now": self._clock.now_ns() / NANOSECONDS, "but_not": list(but_not)}
            row = connection.execute(text(_CLAIM), values).first()
            if row is None:
                return None
            deletion = work(Deletion(**row._mapping))  # noqa: SLF001  SQLAlchemy's public name
            connection.execute(text(_ADVANCE), vars(deletion))
            if deletion.status == "done":
                connection.execute(text(_END), {"id": deletion.org_id})
            return deletion


class HttpSisters:
    """The sisters at their doors for erasures."""

    def __init__(self, sisters: Mapping[str, tuple[Sister, str]]) -> None:
        self._sisters = sisters

    def erase(self, keeper: str, org_id: int) -> None:
        """Have `keeper` remove everything of an organization. Raises GEN_502 without a good answer."""
        sister, path = self._sisters[keeper]
        sister.post(path, {"org_id": org_id})


def _one(connection: Connection, statement: str, values: Mapping[str, Any]) -> Organization | None:
    row = connection.execute(text(statement), values).first()
    if row is None:
        return None
    found = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name
    found["created_at"] = from_datetime(found["created_at"])
    found["updated_at"] = from_datetime(found["updated_at"])
    return Organization(**found)
