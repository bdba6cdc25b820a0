"""The columns of the table `imports`, and an import made of a row."""

from typing import Any

from heartguard_common.core.clock import from_datetime, parse_rfc3339
from heartguard_common.jobs.engine import Job
from heartguard_common.stores.database import Row
from heartguard_influx.imports.domain import JOB_KIND, Import, Problem
from heartguard_influx.store.imports import documents

COLUMNS = """id::text AS id, org_id, user_id, request, state, position, counts, problem, created_at, updated_at,
    created_by, status, progress, error, attempts, due_at"""
IS_OPEN = "status IN ('queued', 'running')"


def read_import(row: Row) -> Import:
    """The import of a row with all columns."""
    found: dict[str, Any] = row._asdict()
    created, updated = from_datetime(found["created_at"]), from_datetime(found["updated_at"])
    job = Job(
        id=found["id"],
        kind=JOB_KIND,
        org_id=found["org_id"],
        requested_by=found["created_by"],
        due_ns=parse_rfc3339(from_datetime(found["due_at"])),
        user_id=found["user_id"],
        status=found["status"],
        progress=found["progress"],
        error=found["error"],
        attempts=found["attempts"],
    )
    return Import(
        id=found["id"],
        request=documents.read_request(found["request"], found["org_id"], found["user_id"]),
        state=found["state"],
        counts=documents.read_counts(found["counts"], found["position"]),
        job=job,
        created_at=created,
        updated_at=updated,
        problem=None if found["problem"] is None else Problem(**found["problem"]),
    )
