"""Imports as rows of PostgreSQL."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.limits import Limits, require
from heartguard_common.messages.imports import ImportStatus
from heartguard_common.stores.database import Database, text
from heartguard_influx.imports.domain import Counts, Import, Problem
from heartguard_influx.store.imports import documents
from heartguard_influx.store.imports.rows import COLUMNS, IS_OPEN, read_import

OPEN = "open_imports"
_ADD = """
INSERT INTO heartguard_core.imports
    (org_id, id, user_id, request, state, counts, created_at, created_by, status, due_at)
VALUES (:org_id, :id, :user_id, cast(:request AS jsonb), :state, cast(:counts AS jsonb), cast(:created AS timestamptz),
    :created_by, 'queued', to_timestamp(:due))
"""
_COUNT_OPEN = f"SELECT count(*) FROM heartguard_core.imports WHERE org_id = :org_id AND {IS_OPEN}"  # noqa: S608
_OF_JOB = f"SELECT {COLUMNS} FROM heartguard_core.imports WHERE id = cast(:id AS uuid)"  # noqa: S608
_FIND = f"{_OF_JOB} AND org_id = :org_id"
_LIST = f"""
SELECT {COLUMNS} FROM heartguard_core.imports
WHERE org_id = :org_id AND (cast(:user_id AS bigint) IS NULL OR user_id = :user_id)
    AND (cast(:before AS uuid) IS NULL OR id < cast(:before AS uuid))
ORDER BY id DESC LIMIT :limit
"""  # noqa: S608
_ADVANCE = """
UPDATE heartguard_core.imports SET state = :state, position = :position, counts = cast(:counts AS jsonb),
    problem = cast(:problem AS jsonb)
WHERE org_id = :org_id AND id = cast(:id AS uuid) AND state NOT IN ('done', 'failed', 'cancelled')
"""
_MODE = "SELECT mode FROM heartguard_core.organization_states WHERE org_id = :org_id"
_WAKE = f"UPDATE heartguard_core.imports SET due_at = now() WHERE id = cast(:id AS uuid) AND {IS_OPEN}"  # noqa: S608
_WAKE_NEXT = f"""
UPDATE heartguard_core.imports SET due_at = now() WHERE org_id = :org_id AND id = (
    SELECT id FROM heartguard_core.imports WHERE org_id = :org_id AND state = 'queued' AND {IS_OPEN} ORDER BY id LIMIT 1
)
"""  # noqa: S608
_ERASE = """
DELETE FROM heartguard_core.imports
WHERE org_id = :org_id AND (cast(:user_id AS bigint) IS NULL OR user_id = :user_id)
"""


class PostgresImports:
    """The table `imports`; `locks` is the pool of connections that hold a turn, which may last for an hour."""

    def __init__(self, database: Database, locks: Database, limits: Limits) -> None:
        self._database = database
        self._locks = locks
        self._limits = limits

    def add(self, found: Import) -> None:
        """Keep a new import. Part of the surrounding transaction. Raises `LimitError` for too many."""
        with self._database.transaction() as connection:
            self._limits.lock(found.org_id, OPEN)
            used = int(connection.execute(text(_COUNT_OPEN), {"org_id": found.org_id}).scalar_one())
            require(self._limits, found.org_id, OPEN, used)
            values = {
                "org_id": found.org_id,
                "id": found.id,
                "user_id": found.request.user_id,
                "request": json.dumps(documents.of_request(found.request)),
                "state": found.state,
                "counts": json.dumps(documents.of_counts(found.counts)),
                "created": found.created_at,
                "created_by": found.job.requested_by,
                "due": found.job.due_ns / NANOSECONDS,
            }
            connection.execute(text(_ADD), values)

    def find(self, org_id: int, import_id: str) -> Import | None:
        """An import of an organization."""
        return self._first(_FIND, id=import_id, org_id=org_id)

    def of_job(self, job_id: str) -> Import | None:
        """The import of a job."""
        return self._first(_OF_JOB, id=job_id)

    def list(self, org_id: int, user_id: int | None, before: str | None, limit: int) -> Sequence[Import]:
        """Up to `limit` imports of an organization, or of one member, newest first, older than `before`."""
        return self._all(_LIST, org_id=org_id, user_id=user_id, before=before, limit=limit)

    def advance(self, found: Import, counts: Counts, state: ImportStatus, problem: Problem | None = None) -> bool:
        """Keep how far an import has come; False where it was cancelled or erased, and then nothing is kept."""
        values = {
            "org_id": found.org_id,
            "id": found.id,
            "state": state,
            "position": counts.position,
            "counts": json.dumps(documents.of_counts(counts)),
            "problem": None if problem is None else json.dumps(vars(problem)),
        }
        with self._database.transaction() as connection:
            return connection.execute(text(_ADVANCE), values).rowcount == 1

    def may_store(self, org_id: int) -> bool:
        """Whether the mode of an organization lets points be stored."""
        with self._database.transaction() as connection:
            mode = connection.execute(text(_MODE), {"org_id": org_id}).first()
        return mode is None or mode.mode in ("active", "demo")

    def wake(self, found: Import) -> None:
        """Have the job of an import continue at once."""
        with self._database.transaction() as connection:
            connection.execute(text(_WAKE), {"id": found.id})

    def wake_next(self, org_id: int) -> None:
        """Have the job of the oldest import of an organization that waits for its turn continue at once."""
        with self._database.transaction() as connection:
            connection.execute(text(_WAKE_NEXT), {"org_id": org_id})

    @contextmanager
    def turn(self, org_id: int) -> Iterator[bool]:
        """Whether no other import of an organization is being read; if so, none begins until the block ends."""
        with self._locks.lock(f"import of organization {org_id}") as mine:
            yield mine

    def erase(self, org_id: int, user_id: int | None) -> int:
        """Remove the imports of an organization or a member; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(text(_ERASE), {"org_id": org_id, "user_id": user_id}).rowcount

    def _first(self, statement: str, **values: object) -> Import | None:
        return next(iter(self._all(statement, **values)), None)

    def _all(self, statement: str, **values: object) -> Sequence[Import]:
        with self._database.transaction() as connection:
            return [read_import(row) for row in connection.execute(text(statement), values)]
